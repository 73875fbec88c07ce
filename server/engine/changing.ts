// The one door: lock the run, let the rules decide, save everything in one transaction, wake who waits.

import { advance } from "../rules/advance.ts";
import type { RunChange, RunHappening } from "../rules/happening.ts";
import type { AttemptId, Instant, RunId } from "../rules/names.ts";
import { advanceUpkeep, type UpkeepChange } from "../rules/upkeep.ts";
import { endCommand } from "../store/commands.ts";
import { readNow, type Tx } from "../store/database.ts";
import { appendEvents } from "../store/events.ts";
import { endLease, lockMachine, nextEpoch } from "../store/machines.ts";
import { markMachine } from "../store/marks.ts";
import {
  changeBudget,
  type LiveRow,
  type LockedRun,
  lockRun,
  readLiveAttempt,
  saveAttempt,
  saveRun,
} from "../store/runs.ts";
import { topics } from "../store/wakeup.ts";
import type { EngineContext } from "./context.ts";
import { meterChange } from "./metering.ts";

/** A run under lock, with its live attempt or the upkeep attempt that is asked for, inside a transaction. */
export interface Held {
  readonly locked: LockedRun;
  readonly live: LiveRow | undefined;
  readonly now: Instant;
}

export async function hold(tx: Tx, runId: RunId, upkeepId?: AttemptId): Promise<Held | undefined> {
  const [locked, live] = [await lockRun(tx, runId), await readLiveAttempt(tx, runId, upkeepId)];
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
  if (live?.attempt.purpose === "upkeep" && interpreter !== undefined) {
    const change = advanceUpkeep(live.attempt, interpreter, happening, now);
    if (change === undefined) return undefined;
    if (happening.is === "result") await endCommand(tx, live.attempt.id, happening.result, now);
    meterChange(context, tx, locked, live.attempt, change, now);
    return await saveAttemptChange(tx, live, change, now);
  }
  const change = advance(
    locked.run,
    live === undefined || interpreter === undefined
      ? undefined
      : { attempt: live.attempt, machine: live.machine, interpreter, budgetLeft: live.budgetLeft },
    happening,
    now,
  );
  if (change === undefined) return undefined;
  if (happening.is === "result" && live !== undefined) await endCommand(tx, live.attempt.id, happening.result, now);
  meterChange(context, tx, locked, live?.attempt, change, now);
  return await saveChange(tx, held, change);
}

async function saveChange(tx: Tx, held: Held, change: RunChange): Promise<string[]> {
  const { locked, live, now } = held;
  const { run, attempt, events, budget } = change;
  const saves: Promise<unknown>[] = [
    saveRun(tx, locked, run, { events: events.length, attemptCount: locked.attemptCount, now }),
    appendEvents(tx, run.id, locked.lastEvent, events, now),
  ];
  if (budget !== "keep") saves.push(changeBudget(tx, locked, budget));
  await Promise.all(saves);
  const woken = [topics.run(run.id), ...(events.length === 0 ? [] : [topics.events(locked.tenantId)])];
  if (attempt !== undefined && live !== undefined) {
    const { lease, marks } = change;
    woken.push(...(await saveAttemptChange(tx, live, { attempt, lease, marks }, now)));
  } else if (run.state.is === "queued") woken.push(topics.placing);
  return woken;
}

/** What became of an attempt, its lease and its machine. */
async function saveAttemptChange(
  tx: Tx,
  live: LiveRow,
  { attempt, lease, marks }: UpkeepChange,
  now: Instant,
): Promise<string[]> {
  const { machineId } = attempt;
  const saves: Promise<unknown>[] = [saveAttempt(tx, live, attempt, now)];
  for (const mark of marks) saves.push(markMachine(tx, machineId, mark, attempt.id, now));
  if (lease === "end") saves.push(endLease(tx, machineId, live.leaseId, now));
  // The holder may be injecting: it is told "nothing" under a higher epoch, and the lease ends when it says so.
  if (lease === "fence") saves.push(lockMachine(tx, machineId), nextEpoch(tx, machineId, undefined));
  await Promise.all(saves);
  // An attempt that goes on frees no machine and queues no run: every replica's placer would look for nothing.
  return [topics.machine(machineId), ...(lease === "keep" ? [] : [topics.placing])];
}

/**
 * Applies one happening to one run in a transaction of its own; with `upkeepId`, to the upkeep attempt of that name. True when
 * it changed something.
 */
export async function changeRun(
  context: EngineContext,
  runId: RunId,
  happening: RunHappening,
  { only, upkeepId }: { readonly only?: AttemptId; readonly upkeepId?: AttemptId | undefined } = {},
): Promise<boolean> {
  const woken = await context.database.sql.begin(async (tx) => {
    const held = await hold(tx, runId, upkeepId);
    return held === undefined ? undefined : await applyHappening(context, tx, held, happening, only ?? upkeepId);
  });
  if (woken === undefined) return false;
  context.wakeup.publish(woken);
  return true;
}
