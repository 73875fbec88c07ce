// Ends every process of the leased application: told to end first, and killed when that does not help, as it does not with
// one that hangs. What was not saved in it is lost; that is the price of a machine that can be used again.

import { setTimeout as sleep } from "node:timers/promises";
import type { CommandGate } from "./gate.ts";
import type { Scope } from "./scope.ts";

/** For an application that ends by itself when it is told to. */
const TOLD_WITHIN_MS = 2000;
const POLL_MS = 50;

export async function endApplication(gate: CommandGate, scope: Scope): Promise<void> {
  // With nothing to end nothing is done, and none is told.
  if ((await processesOf(scope)).length === 0) return;
  await gate.act(async () => {
    const killedAfter = performance.now() + TOLD_WITHIN_MS;
    const told = new Set<number>();
    for (;;) {
      scope.signal.throwIfAborted();
      const left = await processesOf(scope);
      if (left.length === 0) return;
      for (const pid of left) {
        if (performance.now() >= killedAfter) await scope.desktop.endProcess(pid, true);
        else if (!told.has(pid)) await scope.desktop.endProcess(pid, false);
        told.add(pid);
      }
      await sleep(POLL_MS, undefined, { signal: scope.signal });
    }
  });
}

const processesOf = async ({ desktop, processNames }: Scope): Promise<number[]> =>
  (await desktop.processes()).filter(({ name }) => processNames.includes(name)).map(({ pid }) => pid);
