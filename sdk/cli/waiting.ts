// Tells why a run waits while somebody follows it: once it has waited for a while, and again when the cause is another one.

import type { RunEvent } from "../events.ts";
import type { RunEventKindName } from "../names.ts";
import type { RunHandle } from "../runs.ts";
import type { Progress } from "./progress.ts";
import { whyText } from "./why.ts";

/** Most runs are placed before that. */
const afterMs = 2_000;
/** Between two looks; they get rarer, up to the second of these. */
const everyMs = [2_000, 10_000] as const;

export interface Waiting {
  /** What happened to the run. */
  see(event: RunEvent): void;
  stop(): void;
}

const begins: readonly (RunEventKindName | "OTHER")[] = ["QUEUED", "REQUEUED", "UNSETTLED"];
const goesOn: readonly (RunEventKindName | "OTHER")[] = ["MOVED_TO_FRONT", "RESOLVED"];

export function tellWhy(
  run: Pick<RunHandle, "explain">,
  progress: Pick<Progress, "wait">,
  signal: AbortSignal,
): Waiting {
  let timer: NodeJS.Timeout | undefined;
  let turn = 0;
  let told = "";

  async function look(mine: number, nextMs: number): Promise<void> {
    // An older server cannot tell, and a lost connection is told of by who follows.
    const explanation = await run.explain({ signal }).catch(() => undefined);
    if (mine !== turn) return;
    if (explanation?.waiting) {
      const text = whyText(explanation);
      if (text !== told) progress.wait(text);
      told = text;
    }
    timer = setTimeout(look, nextMs, mine, Math.min(nextMs * 1.5, everyMs[1]));
  }

  const stop = () => {
    clearTimeout(timer);
    turn++;
  };
  return {
    see({ kind }) {
      if (goesOn.includes(kind)) return;
      stop();
      told = "";
      if (begins.includes(kind)) timer = setTimeout(look, afterMs, turn, everyMs[0]);
    },
    stop,
  };
}
