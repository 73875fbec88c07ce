// One CEL expression: parsed and checked when the workflow is put. `evaluation.ts` evaluates it.

import { parse } from "@bufbuild/cel";
import { limits } from "./limits.ts";
import { functionNames } from "./meter.ts";
import { linearPattern } from "./pattern.ts";
import { didYouMean } from "./problem.ts";

export type Expr = ReturnType<typeof parse>["expr"];

/** What an expression can see when it is checked. */
export interface Names {
  /** What may follow a variable: `inputs.<property>`. Says what is wrong, or nothing. */
  member(variable: string, property: string | undefined, field: string | undefined): Wrong | undefined;
  readonly variables: readonly string[];
}

export interface Wrong {
  readonly message: string;
  readonly remedy: string;
}

const wrong = (message: string, remedy: string): Wrong => ({ message, remedy });

/** Everything that is wrong with an expression. */
export function checkExpression(text: string, names: Names): Wrong[] {
  if (text.trim() === "") return [wrong("The expression is empty.", "Write `$${` for the characters `${` themselves.")];
  if (text.length > limits.expressionCharsMax) {
    return [wrong(`The expression is longer than ${limits.expressionCharsMax} characters.`, "Split it over steps.")];
  }
  if (bracketDepth(text) > limits.expressionDepthMax) return [tooDeep];
  let expression: Expr;
  try {
    expression = parse(text).expr;
  } catch (error) {
    if (error instanceof RangeError) return [tooDeep];
    const said = error instanceof Error ? error.message.replace(/^<input>:\d+:/, "").slice(0, 200) : "";
    return [wrong(`The expression is not CEL (character ${said}).`, "See the language at cel.dev.")];
  }
  const found: Wrong[] = [];
  const size = check(expression, names, new Set(), { depth: 0, loops: 0, patterns: { count: 0 } }, found);
  if (size > limits.expressionNodesMax) found.push(wrong("The expression is too large.", "Split it over steps."));
  return found.slice(0, 10);
}

const tooDeep = wrong("The expression is nested too deeply.", `Use at most ${limits.expressionDepthMax} levels.`);

const typeNames = new Set(["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"]);

interface Depth {
  readonly depth: number;
  readonly loops: number;
  /** Regular expressions so far, in the whole tree. */
  readonly patterns: { count: number };
}

/** A regular expression is written out: compiling one is the dearest thing here, and a bad one is found when it is put. */
function checkMatches([pattern, ...more]: readonly Expr[], at: Depth): Wrong[] {
  const constant = pattern?.exprKind.case === "constExpr" ? pattern.exprKind.value.constantKind : undefined;
  if (constant?.case !== "stringValue" || more.length > 0) {
    return [wrong("`matches` takes one regular expression, written out.", "Write `text.matches('^[0-9]+$')`.")];
  }
  if (linearPattern(constant.value) === undefined) {
    const remedy = `Use at most ${limits.patternCharsMax} characters, and no look-around or back-references.`;
    return [wrong("This is not a regular expression that RE2 takes.", remedy)];
  }
  at.patterns.count += 1;
  if (at.patterns.count <= limits.patternsPerExpressionMax) return [];
  return [wrong(`There are more than ${limits.patternsPerExpressionMax} regular expressions.`, "Join them by `|`.")];
}

/** Checks a tree and returns its size. */
function check(expr: Expr | undefined, names: Names, locals: ReadonlySet<string>, at: Depth, found: Wrong[]): number {
  if (expr === undefined) return 0;
  if (at.depth > limits.expressionNodesMax) {
    found.push(tooDeep);
    return 0;
  }
  const below = { ...at, depth: at.depth + 1 };
  const all = (list: readonly (Expr | undefined)[]) =>
    list.reduce((sum, each) => sum + check(each, names, locals, below, found), 1);
  const path = memberPath(expr);
  if (path !== undefined && !locals.has(path[0]) && names.variables.includes(path[0])) {
    const problem = names.member(path[0], path[1], path[2]);
    if (problem !== undefined) found.push(problem);
    return path.length;
  }
  const kind = expr.exprKind;
  switch (kind.case) {
    case "identExpr": {
      const { name } = kind.value;
      if (!locals.has(name) && !name.startsWith("@") && !typeNames.has(name)) {
        found.push(wrong(`There is no variable \`${name}\` here.`, didYouMean(name, names.variables, "")));
      }
      return 1;
    }
    case "selectExpr":
      return all([kind.value.operand]);
    case "callExpr": {
      const { function: called, target, args } = kind.value;
      if (/^[a-z]\w*$/i.test(called) && !functionNames.includes(called)) {
        found.push(wrong(`There is no function \`${called}\`.`, didYouMean(called, functionNames, "")));
      }
      if (called === "matches") found.push(...checkMatches(args, at));
      return all([target, ...args]);
    }
    case "listExpr":
      return all(kind.value.elements);
    case "structExpr":
      if (kind.value.messageName !== "")
        found.push(wrong("Messages cannot be made here.", "Make a map: `{'key': value}`."));
      return all(
        kind.value.entries.flatMap((entry) => [
          entry.keyKind.case === "mapKey" ? entry.keyKind.value : undefined,
          entry.value,
        ]),
      );
    case "comprehensionExpr": {
      const loop = kind.value;
      if (at.loops >= limits.comprehensionDepthMax) {
        found.push(
          wrong("The loops are nested too deeply.", `Use at most ${limits.comprehensionDepthMax} inside each other.`),
        );
        return 1;
      }
      const inner = new Set([...locals, loop.iterVar, loop.iterVar2, loop.accuVar]);
      const inside = { ...below, loops: at.loops + 1 };
      const body = [loop.loopCondition, loop.loopStep, loop.result];
      return all([loop.iterRange, loop.accuInit]) + body.reduce((n, e) => n + check(e, names, inner, inside, found), 0);
    }
    default:
      return 1;
  }
}

/** `a.b.c` or `a['b'].c` as its words; undefined words are computed ones. Only the first three matter. */
function memberPath(expr: Expr): [string, ...(string | undefined)[]] | undefined {
  const kind = expr.exprKind;
  if (kind.case === "identExpr") return [kind.value.name];
  if (kind.case === "selectExpr" && kind.value.operand !== undefined) {
    const before = memberPath(kind.value.operand);
    return before === undefined ? undefined : [...before, kind.value.field];
  }
  if (kind.case === "callExpr" && kind.value.function === "_[_]") {
    const [operand, key] = kind.value.args;
    const before = operand === undefined ? undefined : memberPath(operand);
    if (before === undefined || key?.exprKind.case !== "constExpr") return undefined;
    const { constantKind } = key.exprKind.value;
    return [...before, constantKind.case === "stringValue" ? constantKind.value : undefined];
  }
  return undefined;
}

/** Brackets inside each other, counted before the parser recurses. */
function bracketDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const character of text) {
    if ("([{".includes(character)) deepest = Math.max(deepest, ++depth);
    else if (")]}".includes(character)) depth -= 1;
  }
  return deepest;
}
