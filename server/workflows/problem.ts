// What is wrong with a source: where, what, and what to do about it. For the author of a workflow, so it may quote the
// source, which is not people's data.

/** A place in the source, as keys and indexes. */
export type Path = readonly (string | number)[];

export interface Problem {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Such as `steps[3].click.image`; empty for the whole source. */
  readonly path: string;
  readonly message: string;
  readonly remedy: string;
}

/** Receives a problem. `on` says whether the place is that of the value or of its key. */
export type Report = (path: Path, message: string, remedy: string, on?: "value" | "key") => void;

export function showPath(path: Path): string {
  let shown = "";
  for (const part of path) {
    if (typeof part === "number") shown += `[${part}]`;
    else if (/^[\w$-]+$/.test(part)) shown += shown === "" ? part : `.${part}`;
    else shown += `[${JSON.stringify(part)}]`;
  }
  return shown;
}

/** The known word that is nearest to `word`, if it is near enough to be what was meant. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 2)) + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** A remedy that names the nearest known word, or else all of them. */
export function didYouMean(word: string, known: readonly string[], none: string): string {
  const best = word.length > 64 ? undefined : nearest(word, known);
  if (best !== undefined) return `Did you mean \`${best}\`?`;
  return known.length === 0 ? none : `Known here: ${known.slice(0, 40).join(", ")}.`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + change));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
