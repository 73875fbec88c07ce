// What the demo runs: which workflows, with which inputs, and what must be true of each afterwards.

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { DroverClient } from "../../sdk/index.ts";
import { noteSaved, productRead, type ResultCheck } from "./checks.ts";

export interface PlannedRun {
  readonly workflow: string;
  readonly inputs: Record<string, string | number>;
  /** Looks outside the screens. */
  readonly check: ResultCheck;
}

export const applications = ["mousepad", "galculator"] as const;
const workflows = [
  { file: "notes.save.workflow.yaml", pictures: ["mousepad-save-enabled.png"] },
  { file: "sums.multiply.workflow.yaml", pictures: ["galculator-multiply.png"] },
] as const;
const examples = resolve(import.meta.dirname, "..");

/** Stores the examples on the server, as anybody would. */
export async function putExamples(client: DroverClient): Promise<void> {
  for (const name of applications) await client.putApplication(text(`${name}.application.yaml`));
  for (const { file, pictures } of workflows) {
    const files = Object.fromEntries(pictures.map((name) => [name, readFileSync(join(examples, name))]));
    await client.putWorkflow(text(file), files);
  }
}

const text = (file: string): string => readFileSync(join(examples, file), "utf8");

/** Notes and sums by turns. Notes are saved in `folder`. */
export function planRuns(count: number, folder: string): PlannedRun[] {
  return Array.from({ length: count }, (_, index) =>
    index % 2 === 0 ? noteRun(index + 1, folder) : sumRun(index + 1),
  );
}

function noteRun(number: number, folder: string): PlannedRun {
  const path = join(folder, `note-${number}.txt`);
  const note = `Note ${number}, typed by Drover\nZoë Ñandú 漢字 {}[]@€\n\n\t"quoted" & 'indented' \\ ~ ^ 😀\nthe last line`;
  return { workflow: "notes.save", inputs: { path, text: note }, check: noteSaved(path, note) };
}

function sumRun(number: number): PlannedRun {
  // Digits that repeat, zeros, and another sum for every run.
  const left = (1100 + 277 * number) % 10_000;
  const right = 2 + ((99 * number) % 998);
  return { workflow: "sums.multiply", inputs: { left, right }, check: productRead(left, right) };
}
