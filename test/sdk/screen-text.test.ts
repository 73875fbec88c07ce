// What terminals are spared, and tables whose columns align.

import assert from "node:assert/strict";
import { test } from "node:test";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { cleaned, columnsOf, folded, safeJson, shortened } from "../../sdk/cli/screen-text.ts";
import { momentAt, spanMs, spanText, whenText } from "../../sdk/cli/spans.ts";
import { type Column, table } from "../../sdk/cli/table.ts";

test("no control character and no reordering mark survives", () => {
  assert.equal(cleaned("a\u001b[2Jb\u009b31mc\u0007d\u202ee\nf"), "abcde f");
  assert.equal(safeJson({ a: "\u009b\u202e" }), '{"a":"\\u009b\\u202e"}');
});

test("columns are counted as a terminal draws them", () => {
  assert.equal(columnsOf("日本"), 4);
  assert.equal(columnsOf("e\u0301"), 1);
  assert.equal(shortened("日本語の名前", 7), "日本語…");
});

test("elastic columns give way, the widest first; the others never do", () => {
  const columns = [
    { title: "ID", value: (row: { id: string }) => row.id },
    { title: "NAME", value: () => "x".repeat(50), elastic: true },
    { title: "SHORT", value: () => "y".repeat(8), elastic: true },
  ];
  const lines = table(columns, [{ id: "0".repeat(36) }], 70);
  assert.deepEqual(
    lines.map((line) => line.length),
    [67, 70],
  );
  assert.ok(lines[1]?.startsWith("0".repeat(36)));
  assert.ok(lines[1]?.endsWith("y".repeat(8)));
  assert.ok(lines.every((line) => line.length <= 70));
});

test("a table that is too wide loses what it can spare before it cuts: first what is the same in each row", () => {
  const columns = [
    { title: "NAME", value: ({ name }: { name: string }) => name, elastic: true },
    { title: "POOL", value: () => "default", spare: "when same" },
    { title: "SYSTEM", value: ({ name }: { name: string }) => `system of ${name}`, spare: "always" },
    { title: "AGENT", value: () => "1.0.0", spare: "always" },
    { title: "CALLER", value: ({ name }: { name: string }) => name, spare: "when same" },
  ] satisfies Column<{ name: string }>[];
  const head = (width: number) => table(columns, [{ name: "clinic-1" }, { name: "clinic-2" }], width)[0];
  assert.deepEqual(
    [54, 53, 46, 37, 17].map((width) => head(width)?.replaceAll(/ +/g, " ")),
    ["NAME POOL SYSTEM AGENT CALLER", "NAME POOL SYSTEM CALLER", "NAME SYSTEM CALLER", "NAME CALLER", "NAME CALLER"],
  );
  assert.deepEqual(table(columns, [{ name: "clinic-1" }, { name: "clinic-2" }], 17)[1], "clinic…  clinic-1");
});

test("a line that is too long is broken after its commas, and indented then", () => {
  assert.deepEqual(folded("20 machines: 12 idle, 5 not ready, 3 busy", 24), [
    "20 machines: 12 idle,",
    "  5 not ready, 3 busy",
  ]);
  assert.deepEqual(folded("20 machines: 12 idle", Number.POSITIVE_INFINITY), ["20 machines: 12 idle"]);
});

test("a moment is read as so long from now, or as a date with its time", () => {
  const ahead = momentAt("+2h").getTime() - Date.now();
  assert.ok(ahead > 7_100_000 && ahead <= 7_200_000);
  assert.equal(momentAt("2026-03-01T06:00:00Z").getTime(), Date.UTC(2026, 2, 1, 6));
  assert.equal(momentAt("2026-03-01T06:00+02:00").getTime(), Date.UTC(2026, 2, 1, 4));
  for (const wrong of ["tomorrow", "2026-03-01", "+soon", "2026-13-01T06:00Z", "6:00"]) {
    assert.throws(() => momentAt(wrong), /Write it like/, wrong);
  }
  assert.equal(momentAt("2028-02-29T06:00Z").getTime(), Date.UTC(2028, 1, 29, 6));
  for (const day of ["2026-02-30", "2026-02-29", "2026-04-31"]) {
    for (const zone of ["Z", "", "+14:00"]) assert.throws(() => momentAt(`${day}T06:00${zone}`), /There is no 2026-0/);
  }
});

test("spans are read and written as people do", () => {
  assert.deepEqual(["90s", "1.5h", "250ms", "7d"].map(spanMs), [90_000, 5_400_000, 250, 604_800_000]);
  assert.throws(() => spanMs("soon"), /Write it like/);
  assert.throws(() => spanMs("0s"), /Write it like/);
  assert.deepEqual([900, 1_500, 59_000, 61_000, 7_200_000].map(spanText), ["900 ms", "1.5 s", "59 s", "1 min", "2 h"]);
});

test("spans are rounded to the nearest, and to the next unit where they fill it", () => {
  const [hour, now] = [3_600_000, 1_800_000_000_000];
  const until = (ms: number) => whenText(timestampFromMs(now + ms), now);
  assert.deepEqual([hour - 900, 2 * hour - 900, 90 * 24 * hour - 900].map(until), ["in 1 h", "in 2 h", "in 90 d"]);
  const edges = [999.6, 9_960, 59_600, 95_000, 3_570_000, 47.6 * hour];
  assert.deepEqual(edges.map(spanText), ["1.0 s", "10 s", "1 min", "2 min", "1 h", "2 d"]);
});
