// Globs over window titles: `*` is any run of characters, `?` is any one, `\` takes the next character literally.

type Piece = { readonly any: true } | { readonly any: false; readonly literal: string | undefined };

function pieces(glob: string): Piece[] {
  const found: Piece[] = [];
  const characters = Array.from(glob);
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at];
    if (character === "*") found.push({ any: true });
    else if (character === "?") found.push({ any: false, literal: undefined });
    else if (character === "\\" && at + 1 < characters.length) found.push({ any: false, literal: characters[++at] });
    else found.push({ any: false, literal: character });
  }
  return found;
}

/**
 * Whether the whole `text` fits `glob`. Case matters. After a mismatch only the last `*` is taken back, never an earlier
 * one, so that a hostile title costs at most its length times the glob's.
 */
export function globFits(glob: string, text: string): boolean {
  const wanted = pieces(glob);
  const characters = Array.from(text);
  let piece = 0;
  let at = 0;
  let star = -1;
  let starTook = 0;
  while (at < characters.length) {
    const next = wanted[piece];
    if (next?.any === true) {
      star = piece++;
      starTook = at;
    } else if (next !== undefined && (next.literal === undefined || next.literal === characters[at])) {
      piece++;
      at++;
    } else if (star >= 0) {
      piece = star + 1;
      at = ++starTook;
    } else return false;
  }
  while (wanted[piece]?.any === true) piece++;
  return piece === wanted.length;
}
