// Queue x fleet -> leases. One placer per pool at a time, by a lock on the pool's row, on any replica.
//
// The lease, its attempt and the attempt's first command (the readiness proof) are saved in one transaction; the
// database's one-driver index refuses a second live lease on a machine whatever this code believes (G1).

import { v7 as uuid } from "uuid";
import { limits } from "../rules/limits.ts";
import type { AttemptId, Instant, LeaseId, MachineId, PoolId, RunId } from "../rules/names.ts";
import { type IdleMachine, type Placement, place, type WaitingRun } from "../rules/placement.ts";
import { json, readNow, type Tx } from "../store/database.ts";
import { latestApplication } from "../store/definitions.ts";
import { appendEvents } from "../store/events.ts";
import { grantLease, lockIdle, type MachineRow, nextEpoch, readIdle, saveStatus } from "../store/machines.ts";
import { lockPool, poolsToPlace, queueHead } from "../store/queue.ts";
import { type LockedRun, lockQueued, saveRun } from "../store/runs.ts";
import { topics } from "../store/wakeup.ts";
import type { EngineContext } from "./context.ts";
import { errorText } from "./loop.ts";

type Choose = (queue: readonly WaitingRun[], fleet: readonly IdleMachine[]) => readonly Placement[];

/** One pass over all pools in which something waits and something is idle. A pool that cannot be placed holds up no other. */
export async function placeAll(context: EngineContext): Promise<void> {
  for (const poolId of await poolsToPlace(context.database.sql)) {
    try {
      while ((await placePool(context, poolId, place)) > 0);
    } catch (error) {
      context.log.warn("placements could not be saved together", { pool: poolId, error: errorText(error) });
      await placeOneByOne(context, poolId).catch((again) =>
        context.log.warn("a pool could not be placed", { pool: poolId, error: errorText(again) }),
      );
    }
  }
}

/** Each placement by itself: what cannot be saved is left out for this pass, and holds up nothing else (G7). */
async function placeOneByOne(context: EngineContext, poolId: PoolId): Promise<void> {
  const machines = new Set<MachineId>();
  const runs = new Map<RunId, number>();
  let tried: Placement | undefined;
  const chooseOne: Choose = (queue, fleet) => {
    // One failure may be the machine's; a run that fails on two is at fault itself.
    const likely = queue.filter((run) => (runs.get(run.id) ?? 0) < 2);
    tried = place(
      likely,
      fleet.filter((machine) => !machines.has(machine.id)),
    )[0];
    return tried === undefined ? [] : [tried];
  };
  for (;;) {
    try {
      tried = undefined;
      if ((await placePool(context, poolId, chooseOne)) === 0) return;
    } catch (error) {
      if (tried === undefined) throw error;
      const { run, machine }: Placement = tried;
      context.log.warn("a placement could not be saved", { run, machine, error: errorText(error) });
      machines.add(machine);
      runs.set(run, (runs.get(run) ?? 0) + 1);
    }
  }
}

/** Places what fits now; returns how many. */
async function placePool(context: EngineContext, poolId: PoolId, choose: Choose): Promise<number> {
  const woken = await context.database.sql.begin(async (tx) => {
    if (!(await lockPool(tx, poolId))) return [];
    const queue = await queueHead(tx, poolId, limits.placingHead);
    if (queue.length === 0) return [];
    const routes = [...new Set(queue.map((run) => run.application))];
    const placements = choose(queue, await readIdle(tx, poolId, routes, limits.placingMachines));
    if (placements.length === 0) return [];
    const runs = await lockQueued(tx, placements.map((p) => p.run).sort());
    const machines = await lockIdle(tx, placements.map((p) => p.machine).sort());
    const now = await readNow(tx);
    const runById = new Map<RunId, LockedRun>(runs.map((r) => [r.run.id, r]));
    const machineById = new Map<MachineId, MachineRow>(machines.map((m) => [m.id, m]));
    const topicsWoken: string[] = [];
    for (const placement of placements) {
      const run = runById.get(placement.run);
      const machine = machineById.get(placement.machine);
      if (run === undefined || machine === undefined) continue;
      if (await beginAttempt(context, tx, run, machine, now)) {
        topicsWoken.push(topics.run(run.run.id), topics.machine(machine.id));
      }
    }
    return topicsWoken;
  });
  context.wakeup.publish(woken);
  return woken.length;
}

async function beginAttempt(
  context: EngineContext,
  tx: Tx,
  locked: LockedRun,
  machine: MachineRow,
  now: Instant,
): Promise<boolean> {
  const { run } = locked;
  if (run.state.is !== "queued" || run.state.deadlineAt <= now) return false;
  const program = await context.interpreters.program(tx, locked.workflowVersionId);
  const application = await latestApplication(tx, locked.tenantId, program.application);
  if (application === undefined) return false;
  const interpreter = await context.interpreters.of(tx, locked.workflowVersionId, application.id, locked.inputs);
  const attemptId = uuid() as AttemptId;
  const leaseId = uuid() as LeaseId;
  const runDeadlineAt = run.runDeadlineAt ?? now + run.timeoutMs;
  const number = locked.attemptCount + 1;
  const epoch = await nextEpoch(tx, machine.id, undefined);
  await tx`
    insert into attempts (id, tenant_id, run_id, number, machine_id, lease_id, application_version_id, phase,
      command_number, command_deadline_at, commit_label, started_at)
    values (${attemptId}, ${locked.tenantId}, ${run.id}, ${number}, ${machine.id}, ${leaseId}, ${application.id},
      'proving', 1, ${now + interpreter.prove.timeoutMs + limits.resultGraceMs}::timestamptz, 'BEFORE_COMMIT',
      ${now}::timestamptz)`;
  const running = { ...run, runDeadlineAt, state: { is: "running" as const, attemptId, deadlineAt: runDeadlineAt } };
  await Promise.all([
    tx`insert into commands (attempt_id, number, spec, saved_at)
       values (${attemptId}, 1, ${json(interpreter.prove)}::jsonb, ${now}::timestamptz)`,
    grantLease(tx, {
      id: leaseId,
      tenantId: locked.tenantId,
      machineId: machine.id,
      purpose: "attempt",
      epoch,
      attemptId,
      deadlineAt: runDeadlineAt + limits.abandonGraceMs * 2 + limits.cleanupMs,
      now,
    }),
    saveStatus(tx, machine.id, { is: "busy" }, now),
    saveRun(tx, locked, running, { events: 1, attemptCount: number, now }),
    appendEvents(tx, run.id, locked.lastEvent, [{ kind: "PLACED", attempt: number, machine: machine.name }], now),
  ]);
  return true;
}
