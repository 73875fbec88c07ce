// Takes TypeScript apart just far enough for the house rules: comments, strings and code, and what is imported. Regular
// expressions over whole files would find imports in comments and `any` in sentences.

export interface Scanned {
  /** The code with comments and the contents of strings blanked; as long as the source, line for line. */
  readonly code: string;
  /** String literals without escapes undone, with the code right before each. */
  readonly strings: readonly { readonly text: string; readonly before: string }[];
  /** Comments, as they are written. */
  readonly comments: readonly string[];
}

/** After one of these a `/` begins a regular expression; after anything else it divides. */
const beforeRegex = /(?:^|[(=:[!&|?{};,<>+*%~^-]|\b(?:return|typeof|case|of|in|await|yield|throw))$/;

export function scan(source: string): Scanned {
  let code = "";
  const strings: { text: string; before: string }[] = [];
  const comments: string[] = [];
  const blank = (text: string) => text.replaceAll(/[^\n]/g, " ");
  // Depths of braces at which a `${` of a template began: its `}` goes on with the template.
  const templates: number[] = [];
  let depth = 0;
  let at = 0;

  function take(end: number): string {
    const text = source.slice(at, end);
    at = end;
    return text;
  }

  function quoted(quote: string, from: number, before = code.trimEnd().slice(-80)): void {
    let end = from;
    while (end < source.length && source[end] !== quote) {
      if (quote === "`" && source.startsWith("${", end)) break;
      end += source[end] === "\\" ? 2 : 1;
    }
    strings.push({ text: source.slice(from, end), before });
    const opensExpression = quote === "`" && source.startsWith("${", end);
    if (opensExpression) templates.push(depth);
    code += blank(take(Math.min(source.length, end + (opensExpression ? 2 : 1))));
  }

  while (at < source.length) {
    const character = source[at] ?? "";
    if (source.startsWith("//", at) || source.startsWith("/*", at)) {
      const long = source.startsWith("/*", at);
      const end = source.indexOf(long ? "*/" : "\n", at + 2);
      const text = take(end < 0 ? source.length : end + (long ? 2 : 0));
      comments.push(text);
      code += blank(text);
    } else if (character === '"' || character === "'" || character === "`") quoted(character, at + 1);
    else if (character === "}" && templates.at(-1) === depth) {
      templates.pop();
      quoted("`", at + 1, "");
    } else if (character === "/" && beforeRegex.test(code.trimEnd())) {
      const literal = /^\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/.exec(source.slice(at))?.[0] ?? "/";
      code += blank(take(at + literal.length));
    } else {
      if (character === "{") depth += 1;
      if (character === "}") depth -= 1;
      code += take(at + 1);
    }
  }
  return { code, strings, comments };
}

/** Everything that a source imports: statically, by type, by `export from`, by `import()`. */
export function importsOf(source: string): string[] {
  const { strings, code } = scan(source);
  const found = strings
    .filter(({ before }) => /(?:\bfrom|\bimport|\bimport\s*\()$/.test(before))
    .map(({ text }) => text);
  // `import(name)` could be anything: it counts as an import of a file that is in no room.
  const computed = [...code.matchAll(/\bimport\s*\(\s*[\w$]/g)].map(() => "(computed)");
  return [...found, ...computed];
}
