// Tables for people: aligned columns that fit the terminal. What must be copied whole, like an id, is never cut.

import { cleaned, columnsOf, shortened } from "./screen-text.ts";

export interface Column<Row> {
  title: string;
  value: (row: Row) => string;
  /** May be cut to fit. */
  elastic?: boolean;
}

const gap = "  ";
const narrowest = 6;

/** The table's lines, in at most `width` columns as far as the elastic columns allow it. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): string[] {
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ value }) => cleaned(value(row)) || "-")),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => columnsOf(line[index] ?? ""))));
  let excess = widths.reduce((sum, each) => sum + each, 0) + gap.length * (columns.length - 1) - width;
  while (excess > 0) {
    // The widest elastic column gives way first.
    const widest = widths.reduce(
      (best, each, index) => (columns[index]?.elastic && each > narrowest && each > (widths[best] ?? 0) ? index : best),
      -1,
    );
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess--;
  }
  return cells.map((line) =>
    line
      .map((cell, index) => {
        const columnWidth = widths[index] ?? 0;
        const text = columns[index]?.elastic ? shortened(cell, columnWidth) : cell;
        return text + " ".repeat(Math.max(0, columnWidth - columnsOf(text)));
      })
      .join(gap)
      .trimEnd(),
  );
}
