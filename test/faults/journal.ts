// What simulated desktops say that was done to them, and judgements by that alone. Imports nothing of the product.
//
// Each run types a text of its own and saves it under a path of its own, so that from the keys that a desktop received it
// can be told whose they were. A key's time is the machine's; all processes of a test share its clock.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";

export type JournalEntry =
  | { readonly is: "input"; readonly at: number; readonly key: string }
  /** A file was saved. */
  | { readonly is: "save"; readonly at: number; readonly path: string; readonly text: string };

export interface Note {
  readonly path: string;
  readonly text: string;
}

/** The text of note i, of so many characters. It begins with what names the note, and no two are alike. */
export function note(i: number, characters: number): Note {
  const begin = `<${i}:`;
  return { path: `/notes/${i}`, text: `${begin.padEnd(characters - 1, "abcdefghijklmnopqrstuvwxyz")}>` };
}

export const noteWorkflow = `
workflow: note
application: mousepad
inputs: { type: object, required: [path, text], properties: { path: { type: string }, text: { type: string } } }
timeout: 4m
steps:
  - focus: { title: "*Mousepad", process: mousepad }
  - { press: ctrl+a, in: "*Mousepad" }
  - { id: text, type: "\${inputs.text}", in: "*Mousepad", timeout: 90s }
  - { press: ctrl+s, in: "*Mousepad" }
  - wait: { window: Save As, for: 10s }
  - { press: ctrl+a, in: Save As }
  - { type: "\${inputs.path}", in: Save As }
  - { id: save, press: enter, in: Save As, effect: commit, guard: { window: Save As }, done: { window: Save As, absent: true } }
result: {}
`;

/** The keys of the workflow, from its first to its last. */
const keysOf = ({ path, text }: Note) => ["ctrl+a", ...text, "ctrl+s", "ctrl+a", ...path, "enter"];

export function readJournal(file: string): JournalEntry[] {
  if (!existsSync(file)) return [];
  // A process that was killed may have left half a line.
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as JournalEntry);
}

/** What one desktop received of one note without a break. */
export interface Stretch {
  readonly machine: string;
  readonly note: number;
  readonly from: number;
  readonly to: number;
  readonly whole: boolean;
}

/** Takes what a desktop received apart; fails on any key that is not the next one of the note that is being typed. */
export function stretchesOf(machine: string, journal: readonly JournalEntry[], notes: readonly Note[]): Stretch[] {
  const inputs = journal.filter((entry) => entry.is === "input");
  const begins = inputs.flatMap(({ key }, i) => (key === "ctrl+a" && inputs[i + 1]?.key === "<" ? [i] : []));
  if (inputs.length > 0) assert.equal(begins[0], 0, `${machine} received something before a note began`);
  return begins.map((begin, i) => {
    const part = inputs.slice(begin, begins[i + 1]);
    const keys = part.map(({ key }) => key);
    const named = Number(/^<(\d+):/.exec(keys.slice(1).join(""))?.[1] ?? Number.NaN);
    const expected = keysOf(notes[named] ?? assert.fail(`${machine} received a note that nobody asked for`));
    assert.deepEqual(keys, expected.slice(0, keys.length), `${machine} received note ${named} and nothing else`);
    const [from = 0, to = 0] = [part[0]?.at, part.at(-1)?.at];
    return { machine, note: named, from, to, whole: keys.length === expected.length };
  });
}

/**
 * Each note was typed from its first key to its last on one desktop, once, and saved once with its text; where it was
 * begun before, that had ended before. So no desktop had two drivers, and no run was on two desktops.
 */
export function assertEachOnce(
  journals: ReadonlyMap<string, readonly JournalEntry[]>,
  notes: readonly Note[],
): Stretch[] {
  const stretches = [...journals].flatMap(([machine, journal]) => stretchesOf(machine, journal, notes));
  const saves = [...journals.values()].flat().filter((entry) => entry.is === "save");
  for (const [i, { path, text }] of notes.entries()) {
    const [whole, ...more] = stretches.filter((stretch) => stretch.note === i && stretch.whole);
    if (whole === undefined) assert.fail(`note ${i} was not typed to its end`);
    assert.deepEqual(more, [], `note ${i} was typed once`);
    for (const stretch of stretches.filter((s) => s.note === i && !s.whole)) {
      assert.ok(stretch.to < whole.from, `note ${i} was typed on two desktops at a time`);
    }
    const texts = saves.filter((save) => save.path === path).map((save) => save.text);
    assert.deepEqual(texts, [text], `note ${i} was saved once, with its text`);
  }
  return stretches;
}
