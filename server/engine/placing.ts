// Queue x fleet -> leases. One placer per pool at a time, by a lock on the pool's row, on any replica.
// Machines that an attempt has left unclean come first: they are cleaned up before anything is placed on them.

import { limits } from "../rules/limits.ts";
import type { MachineId, PoolId, RunId } from "../rules/names.ts";
import { type IdleMachine, type Placement, place, type WaitingRun } from "../rules/placement.ts";
import { readNow, type Tx } from "../store/database.ts";
import { lockFree, lockIdle, type MachineRow, readIdle, readUnclean } from "../store/machines.ts";
import { lockPool, poolsToPlace, queueHead, unsettledHead } from "../store/queue.ts";
import { type LockedRun, lockRun, lockWaiting } from "../store/runs.ts";
import { topics } from "../store/wakeup.ts";
import { beginCleanup, beginWaiting } from "./beginning.ts";
import type { EngineContext } from "./context.ts";
import { errorText } from "./loop.ts";

type Choose = (queue: readonly WaitingRun[], fleet: readonly IdleMachine[]) => readonly Placement[];

/** One pass over all pools in which something waits and something is idle. A pool that cannot be placed holds up no other. */
export async function placeAll(context: EngineContext): Promise<void> {
  for (const poolId of await poolsToPlace(context.database.sql)) {
    try {
      await cleanPool(context, poolId);
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
    const asked = await readNow(tx);
    const unsettled = await unsettledHead(tx, poolId, limits.placingHead, asked);
    const queue = [...unsettled, ...(await queueHead(tx, poolId, limits.placingHead, asked))];
    if (queue.length === 0) return [];
    const routes = [...new Set(queue.map((run) => run.application))];
    const wanted = unsettled.flatMap(({ only }) => only ?? []);
    const placements = choose(queue, await readIdle(tx, poolId, routes, wanted, limits.placingMachines, asked));
    if (placements.length === 0) return [];
    const runs = await lockWaiting(tx, placements.map((p) => p.run).sort());
    const machines = await lockFree(tx, placements.map((p) => p.machine).sort(), asked);
    const now = await readNow(tx);
    const runById = new Map<RunId, LockedRun>(runs.map((r) => [r.run.id, r]));
    const machineById = new Map<MachineId, MachineRow>(machines.map((m) => [m.id, m]));
    const topicsWoken: string[] = [];
    for (const placement of placements) {
      const run = runById.get(placement.run);
      const machine = machineById.get(placement.machine);
      if (run === undefined || machine === undefined) continue;
      if (await beginWaiting(context, tx, run, machine, now)) {
        topicsWoken.push(topics.run(run.run.id), topics.machine(machine.id));
      }
    }
    return topicsWoken;
  });
  context.wakeup.publish(woken);
  return woken.length;
}

/** Begins to clean up the machines of the pool that an attempt has left so, each by itself: one holds up no other (G7). */
async function cleanPool(context: EngineContext, poolId: PoolId): Promise<void> {
  const passed: MachineId[] = [];
  const cleanNext = async (tx: Tx): Promise<string[]> => {
    if (!(await lockPool(tx, poolId))) return [];
    const now = await readNow(tx);
    const unclean = await readUnclean(tx, poolId, passed, now);
    if (unclean === undefined) return [];
    passed.push(unclean.id);
    const run = await lockRun(tx, unclean.runId);
    const [machine] = await lockIdle(tx, [unclean.id]);
    if (run === undefined || machine === undefined) return [];
    await beginCleanup(context, tx, run, machine, unclean, now);
    return [topics.machine(machine.id)];
  };
  for (let before = -1; before < passed.length; ) {
    before = passed.length;
    try {
      context.wakeup.publish(await context.database.sql.begin(cleanNext));
    } catch (error) {
      context.log.warn("a machine could not be cleaned up yet", { machine: passed.at(-1), error: errorText(error) });
    }
  }
}
