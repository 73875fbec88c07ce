// What the demo runs on its Windows machines, and what must be true of it afterwards.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DroverClient } from "../../sdk/index.ts";
import { contentOf, type ResultCheck } from "./checks.ts";
import { type PlannedRun, putFrom } from "./plan.ts";
import { windowsFolder } from "./windows-machine.ts";

export const windowsApplications = ["notepad", "wordpad"] as const;
const workflows = [
  { file: "windows.notes.save.workflow.yaml", pictures: [] },
  { file: "windows.letters.write.workflow.yaml", pictures: ["wordpad-bold.png"] },
] as const;

export const putWindowsExamples = (client: DroverClient): Promise<void> =>
  putFrom("windows", client, windowsApplications, workflows);

const opened = "\ufeffA note that was there before\r\n";

/** Two notes and two letters, wherever each of them goes. `folders` are those of the machines. */
export function planWindowsRuns(folders: readonly string[]): PlannedRun[] {
  for (const folder of folders) writeFileSync(join(folder, "before.txt"), opened);
  return [noteRun(1, folders), letterRun(1, folders), noteRun(2, folders), letterRun(2, folders)];
}

function noteRun(number: number, folders: readonly string[]): PlannedRun {
  const name = `note-${number}.txt`;
  const text = `Note ${number}, typed by Drover\nZoë Ñandú 漢字 {}[]@€ 😀\n\t"quoted" & 'indented' \\ ~ ^`;
  const wanted = Buffer.from(opened + text.replaceAll("\n", "\r\n"), "utf8");
  const check: ResultCheck = () => ({
    what: `${windowsFolder}\\${name} holds the old note and the new one, with their byte order mark and their CR LF`,
    held: only(name, folders)?.equals(wanted) ?? false,
  });
  return { workflow: "windows.notes.save", inputs: { folder: windowsFolder, open: "before.txt", name, text }, check };
}

function letterRun(number: number, folders: readonly string[]): PlannedRun {
  const name = `letter-${number}.rtf`;
  const text = `Letter ${number}: your bill is ${1000 + 111 * number} EUR.`;
  const check: ResultCheck = (outputs) => ({
    what: `${windowsFolder}\\${name} holds the line in bold letters, and the clipboard had it too`,
    held: outputs["text"] === text && boldIn(only(name, folders), text),
  });
  return { workflow: "windows.letters.write", inputs: { folder: windowsFolder, name, text }, check };
}

/** Rich text: `\b` begins bold letters, and other words about the letters may follow before a space. */
const boldIn = (content: Buffer | undefined, text: string): boolean => {
  const line = content
    ?.toString("latin1")
    .split("\n")
    .find((each) => each.includes(` ${text}\\par`));
  return line?.includes("\\b\\") ?? false;
};

/** A file that is on one of the machines, and not on two. */
function only(name: string, folders: readonly string[]): Buffer | undefined {
  const found = folders.flatMap((folder) => contentOf(join(folder, name)) ?? []);
  return found.length === 1 ? found[0] : undefined;
}
