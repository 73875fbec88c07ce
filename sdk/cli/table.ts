// Tables for people: aligned columns that fit the terminal. What must be copied whole, like an id, is never cut.

import { cleaned, columnsOf, shortened } from "./screen-text.ts";

export interface Column<Row> {
  title: string;
  value: (row: Row) => string;
  /** May be cut to fit. */
  elastic?: boolean;
  /** Where the terminal is too narrow for the whole table: left out; or only if it says the same of each row. */
  spare?: "always" | "when same";
}

const gap = "  ";
const narrowest = 6;

/**
 * The table's lines, in at most `width` columns as far as that can be: spare columns are left out first, those that say the same
 * of each row before others, and the last before the first; then elastic ones are cut.
 */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): string[] {
  let kept = columns.map((column) => {
    const cells = rows.map((row) => cleaned(column.value(row)) || "-");
    const same = cells.every((cell) => cell === cells[0]);
    const columnWidth = Math.max(...[column.title, ...cells].map(columnsOf));
    return { ...column, cells, same, width: columnWidth };
  });
  const excess = () => kept.reduce((sum, each) => sum + each.width + gap.length, -gap.length) - width;
  while (excess() > 0) {
    const spare =
      kept.findLast(({ spare, same }) => spare !== undefined && same) ??
      kept.findLast(({ spare }) => spare === "always");
    if (spare === undefined) break;
    kept = kept.filter((column) => column !== spare);
  }
  while (excess() > 0) {
    // The widest elastic column gives way first.
    const [widest] = kept
      .filter((each) => each.elastic && each.width > narrowest)
      .toSorted((a, b) => b.width - a.width);
    if (widest === undefined) break;
    widest.width--;
  }
  const line = (texts: readonly string[]) =>
    kept
      .map((column, index) => {
        const text = column.elastic ? shortened(texts[index] ?? "", column.width) : (texts[index] ?? "");
        return text + " ".repeat(Math.max(0, column.width - columnsOf(text)));
      })
      .join(gap)
      .trimEnd();
  return [
    line(kept.map(({ title }) => title)),
    ...rows.map((_, row) => line(kept.map(({ cells }) => cells[row] ?? ""))),
  ];
}

/** "200 machines: 180 idle, 12 busy": the most first. */
export function countsText(noun: string, all: number, counts: ReadonlyMap<string, number>): string {
  const parts = [...counts].sort(([, a], [, b]) => b - a).map(([word, count]) => `${count} ${word}`);
  return `${all} ${noun}${all === 1 ? "" : "s"}: ${parts.join(", ")}`;
}
