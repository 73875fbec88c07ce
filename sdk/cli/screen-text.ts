// Text that came from elsewhere, made safe and measurable for a terminal: names and messages may hold escape sequences that
// clear the screen, retitle the window or forge lines.

// Whole sequences (colours, cursor moves; titles and links), so that no "[31m" is left behind.
const sequences =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b\]|\u009d)[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?/g;
// C0, DEL, C1, line separators, and the marks that reorder text in front of the reader's eyes.
const unsafe = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const segmenter = new Intl.Segmenter();

/** One line without control characters. */
export function cleaned(text: string): string {
  return text
    .replaceAll(sequences, "")
    .replaceAll(/[\r\n\t]+/g, " ")
    .replaceAll(unsafe, "");
}

/** Columns that the text takes. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const { segment } of segmenter.segment(text)) columns += wide.test(segment) ? 2 : 1;
  return columns;
}

/** The text in at most so many columns, with an ellipsis where something is missing. */
export function shortened(text: string, columnsMax: number): string {
  if (columnsOf(text) <= columnsMax) return text;
  let kept = "";
  for (const { segment } of segmenter.segment(text)) {
    if (columnsOf(kept) + columnsOf(segment) > columnsMax - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** The text in lines of at most so many columns, broken after its commas and the like; those after the first are indented. */
export function folded(text: string, columnsMax: number): string[] {
  const lines: string[] = [];
  for (const part of text.split(/(?<=[,:;]) /)) {
    const longer = `${lines.at(-1) ?? ""} ${part}`;
    if (lines.length === 0) lines.push(part);
    else if (columnsOf(longer) <= columnsMax) lines[lines.length - 1] = longer;
    else lines.push(`  ${part}`);
  }
  return lines;
}

/** JSON that is safe to print: what terminals act on is escaped. */
export function safeJson(value: unknown, indent?: number): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  // C0 is escaped already, and the line breaks of the indent must stay.
  return JSON.stringify(value, null, indent).replaceAll(/[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, escaped);
}
