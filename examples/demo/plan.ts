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

export const putExamples = (client: DroverClient): Promise<void> => putFrom(".", client, applications, workflows);

/** Stores the examples of a folder on the server, as anybody would. */
export async function putFrom(
  folder: string,
  client: DroverClient,
  names: readonly string[],
  flows: readonly { readonly file: string; readonly pictures: readonly string[] }[],
): Promise<void> {
  const content = (file: string) => readFileSync(join(examples, folder, file));
  for (const name of names) await client.putApplication(content(`${name}.application.yaml`).toString());
  for (const { file, pictures } of flows) {
    await client.putWorkflow(
      content(file).toString(),
      Object.fromEntries(pictures.map((name) => [name, content(name)])),
    );
  }
}

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
