// The one door: lock the run, let the rules decide, save everything in one transaction, wake who waits.

import { advance } from "../rules/advance.ts";
import type { RunChange, RunHappening } from "../rules/happening.ts";
import type { AttemptId, Instant, RunId } from "../rules/names.ts";
import { endCommand } from "../store/commands.ts";
import { readNow, type Tx } from "../store/database.ts";
import { appendEvents } from "../store/events.ts";
import { endLease, lockMachine, nextEpoch } from "../store/machines.ts";
import { type LiveRow, type LockedRun, lockRun, readLiveAttempt, saveAttempt, saveRun } from "../store/runs.ts";
import { topics } from "../store/wakeup.ts";
import type { EngineContext } from "./context.ts";

/** A run under lock, with its live attempt, inside a transaction. */
export interface Held {
  readonly locked: LockedRun;
  readonly live: LiveRow | undefined;
  readonly now: Instant;
}

export async function hold(tx: Tx, runId: RunId): Promise<Held | undefined> {
  const [locked, live] = [await lockRun(tx, runId), await readLiveAttempt(tx, runId)];
  return locked === undefined ? undefined : { locked, live, now: await readNow(tx) };
}

/**
 * What `happening` makes of the run, saved. `only` names the attempt it is about: late news of an older one changes
 * nothing. Returns the topics to wake, or undefined when nothing changed.
 */
export async function applyHappening(
  context: EngineContext,
  tx: Tx,
  held: Held,
  happening: RunHappening,
  only?: AttemptId,
): Promise<string[] | undefined> {
  const { locked, live, now } = held;
  if (only !== undefined && live?.attempt.id !== only) return undefined;
  const interpreter =
    live === undefined
      ? undefined
      : await context.interpreters.of(tx, locked.workflowVersionId, live.applicationVersionId, locked.inputs);
  const change = advance(
    locked.run,
    live === undefined || interpreter === undefined
      ? undefined
      : { attempt: live.attempt, machine: live.machine, interpreter },
    happening,
    now,
  );
  if (change === undefined) return undefined;
  if (happening.is === "result" && live !== undefined) await endCommand(tx, live.attempt.id, happening.result, now);
  return await saveChange(tx, held, change);
}

async function saveChange(tx: Tx, held: Held, change: RunChange): Promise<string[]> {
  const { locked, live, now } = held;
  const { run, attempt, events } = change;
  const woken = [topics.run(run.id)];
  const saves: Promise<unknown>[] = [
    saveRun(tx, locked, run, { events: events.length, attemptCount: locked.attemptCount, now }),
    appendEvents(tx, run.id, locked.lastEvent, events, now),
  ];
  if (attempt !== undefined && live !== undefined) {
    saves.push(saveAttempt(tx, live, attempt, now));
    if (change.lease === "end") saves.push(endLease(tx, attempt.machineId, live.leaseId, now));
    // The holder may be injecting: it is told "nothing" under a higher epoch, and the lease ends when it says so.
    if (change.lease === "fence")
      saves.push(lockMachine(tx, attempt.machineId), nextEpoch(tx, attempt.machineId, undefined));
    woken.push(topics.machine(attempt.machineId));
    // An attempt that goes on frees no machine and queues no run: every replica's placer would look for nothing.
    if (change.lease !== "keep") woken.push(topics.placing);
  }
  await Promise.all(saves);
  return woken;
}

/** Applies one happening to one run in a transaction of its own. True when it changed something. */
export async function changeRun(
  context: EngineContext,
  runId: RunId,
  happening: RunHappening,
  only?: AttemptId,
): Promise<boolean> {
  const woken = await context.database.sql.begin(async (tx) => {
    const held = await hold(tx, runId);
    return held === undefined ? undefined : await applyHappening(context, tx, held, happening, only);
  });
  if (woken === undefined) return false;
  context.wakeup.publish(woken);
  return true;
}
