// `drover-agent install` and `uninstall`: a plan of a few steps, made by the platform's file beside this one
// and shown or carried out here. Doing it again gives the same; undoing it removes exactly what was made.

import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

export type Step =
  | { readonly does: "write"; readonly path: string; readonly text: string; readonly encoding: "utf8" | "utf16le" }
  /** `mayFail`: it does where there is nothing to end or to remove, which is as good. */
  | { readonly does: "run"; readonly command: readonly [string, ...string[]]; readonly mayFail: boolean }
  | { readonly does: "remove"; readonly path: string };

export interface Plan {
  readonly steps: readonly Step[];
  /** For the person, in the end. */
  readonly notes: readonly string[];
}

/** It cannot be installed here, or a command failed: one line that says what to do, exit 1. */
export class NotInstalled extends Error {
  override readonly name = "NotInstalled";
}

export function planText({ steps, notes }: Plan): string {
  return [...steps.map(stepText), ...notes.map((note) => `# ${note}`)].map((line) => `${line}\n`).join("");
}

function stepText(step: Step): string {
  switch (step.does) {
    case "write":
      return `# writes ${step.path}\n${step.text}`;
    case "run":
      return `# runs ${shown(step.command)}${step.mayFail ? " (which may fail)" : ""}`;
    case "remove":
      return `# removes ${step.path}`;
  }
}

/** `tell` is given each thing that was done, and the notes. */
export function carryOut({ steps, notes }: Plan, tell: (line: string) => void): void {
  for (const step of steps) if (done(step)) tell(doneText(step));
  for (const note of notes) tell(note);
}

function done(step: Step): boolean {
  switch (step.does) {
    case "write":
      mkdirSync(dirname(step.path), { recursive: true });
      writeFileSync(step.path, step.encoding === "utf16le" ? `\ufeff${step.text}` : step.text, step.encoding);
      return true;
    case "remove":
      rmSync(step.path, { force: true });
      return true;
    case "run": {
      const [program, ...args] = step.command;
      const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", windowsHide: true });
      if (status !== 0 && !step.mayFail) {
        throw new NotInstalled(failed(step.command, error?.message ?? (stderr.trim() || stdout.trim())));
      }
      return status === 0;
    }
  }
}

const doneText = (step: Step): string =>
  step.does === "run" ? `ran ${shown(step.command)}` : `${step.does === "write" ? "wrote" : "removed"} ${step.path}`;

function failed(command: readonly string[], said: string): string {
  const why = said.split(/\r?\n/)[0] ?? "";
  const remedy = process.platform === "win32" ? "; try it as administrator (an elevated prompt)" : "";
  return `${shown(command)} failed: ${why}${remedy}`;
}

/** For a person to read, and for a POSIX shell. */
export const shown = (command: readonly string[]): string =>
  command.map((word) => (/^[\w@%+=:,./\\-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(" ");
