// Checks of the machine: what it does when nobody uses it, its disk, the programs that it offers.

import { fault, type Judgement, ok, warning, worst } from "./finding.ts";
import type { IdleFact } from "./platform-facts.ts";

export function judgeIdle(facts: readonly IdleFact[]): Judgement {
  return worst(facts.map(judgeOne));
}

function judgeOne({ what, afterSeconds }: IdleFact): Judgement {
  const { name, remedy } = idleWords[what];
  if (afterSeconds === "unknown") return ok(`${name}: not told`);
  if (afterSeconds === 0) return ok(`${name}: off`);
  const minutes = Math.round(afterSeconds / 6) / 10;
  return warning(`${name} after ${minutes} min`, remedy);
}

const idleWords: Readonly<Record<IdleFact["what"], { readonly name: string; readonly remedy: string }>> = {
  "screen-saver": {
    name: "screen saver",
    remedy: "Turn it off for this user (X11: xset s off; Windows: Settings, Lock screen, Screen saver).",
  },
  lock: {
    name: "automatic lock",
    remedy: "Turn automatic locking off for this machine: a locked desktop cannot be driven.",
  },
  sleep: { name: "sleep", remedy: "Never let this machine sleep (Windows: powercfg /change standby-timeout-ac 0)." },
};

const MEBIBYTE = 1024 * 1024;
const TIGHT_BYTES = 1024 * MEBIBYTE;
const FULL_BYTES = 200 * MEBIBYTE;

export function judgeDisk(freeBytes: number): Judgement {
  const free = `${Math.floor(freeBytes / MEBIBYTE)} MiB free`;
  if (freeBytes >= TIGHT_BYTES) return ok(free);
  const remedy = "Make room: updates of the agent and what applications save need a GiB.";
  return freeBytes < FULL_BYTES ? fault(free, remedy) : warning(free, remedy);
}

export interface ProgramsFact {
  /** Programs that `exec` steps may start, by their name; and whether the file is there and may be run. */
  readonly allowed: readonly { readonly name: string; readonly path: string; readonly usable: boolean }[];
  /** Applications that are offered, and whether a program of that name is found where programs are looked for. */
  readonly offered: readonly { readonly name: string; readonly found: boolean }[];
}

/** An application's definition may start a program of another name: what is not found is told, and is no fault. */
export function judgePrograms({ allowed, offered }: ProgramsFact): Judgement {
  const unusable = allowed.filter(({ usable }) => !usable);
  const absent = offered.filter(({ found }) => !found).map(({ name }) => name);
  if (unusable.length === 0 && absent.length === 0) {
    return ok(`${offered.length} applications offered, ${allowed.length} programs allowed to exec`);
  }
  return worst([
    ...unusable.map(({ name, path }) =>
      fault(
        `${path}, allowed to exec as ${name}, is not there or may not be run`,
        "Put the right path into --allow-exec, or install the program.",
      ),
    ),
    ...(absent.length === 0 ? [] : [absentApplications(absent)]),
  ]);
}

const absentApplications = (names: readonly string[]): Judgement =>
  warning(
    `no program is named ${names.join(" or ")}, as an offered application is`,
    "See that the application is installed, and that its definition names the program that starts it.",
  );
