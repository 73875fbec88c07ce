// Queue x fleet -> leases. One placer per pool at a time, by a lock on the pool's row, on any replica.
// Machines that an attempt has left unclean come first: they are cleaned up before anything is placed on them.

import { served } from "../rules/fair-share.ts";
import { limits } from "../rules/limits.ts";
import { misfit } from "../rules/matching.ts";
import type { Instant, MachineId, PoolId, RunId } from "../rules/names.ts";
import { type Placement, type PlacingFacts, place } from "../rules/placement.ts";
import type { KnownOffer, Limit, Route } from "../rules/route.ts";
import { lockLimits } from "../store/concurrency.ts";
import { readNow, type Tx } from "../store/database.ts";
import { lockFree, lockIdle, type MachineRow, readFree, readUnclean } from "../store/machines.ts";
import {
  type FittingOffers,
  type LockedPool,
  lockPool,
  makeDue,
  poolsToPlace,
  queueHead,
  unsettledHead,
  waitingRoutes,
} from "../store/queue.ts";
import { type LockedRun, lockRun, lockWaiting } from "../store/runs.ts";
import { readShares, saveShares } from "../store/shares.ts";
import { topics } from "../store/wakeup.ts";
import { beginCleanup, beginWaiting } from "./beginning.ts";
import type { EngineContext } from "./context.ts";
import { errorText } from "./loop.ts";

type Choose = (facts: PlacingFacts) => readonly Placement[];

/** One pass over all pools in which something waits and something is idle. A pool that cannot be placed holds up no other. */
export async function placeAll(context: EngineContext): Promise<void> {
  const { sql } = context.database;
  while (await makeDue(sql, await readNow(sql)));
  for (const poolId of await poolsToPlace(sql)) {
    try {
      await cleanPool(context, poolId);
      while ((await placePool(context, poolId, (facts) => decide(context, facts))) > 0);
    } catch (error) {
      context.log.warn("placements could not be saved together", { pool: poolId, error: errorText(error) });
      await placeOneByOne(context, poolId).catch((again) =>
        context.log.warn("a pool could not be placed", { pool: poolId, error: errorText(again) }),
      );
    }
  }
}

/** Everything that is placed is decided here, from nothing but the facts. */
function decide(context: EngineContext, facts: PlacingFacts): readonly Placement[] {
  const placements = place(facts);
  context.onPlacing?.(facts, placements);
  return placements;
}

/** Each placement by itself: what cannot be saved is left out for this pass, and holds up nothing else (G7). */
async function placeOneByOne(context: EngineContext, poolId: PoolId): Promise<void> {
  const failed: Placement[] = [];
  let tried: Placement | undefined;
  const chooseOne: Choose = (facts) => {
    // One failure may be either's: what fails with two others is at fault itself, and the two are not tried together again.
    const runsOn = (machine: MachineId) => failed.filter((each) => each.machine === machine).map(({ run }) => run);
    const machinesOf = (run: RunId) => failed.filter((each) => each.run === run).map(({ machine }) => machine);
    const fleet = facts.fleet.filter(({ id }) => runsOn(id).length < 2);
    const queue = facts.queue
      .filter(({ id }) => machinesOf(id).length < 2)
      .map((run) => ({ ...run, avoid: [...run.avoid, ...machinesOf(run.id)] }));
    const first = decide(context, { ...facts, queue, fleet }).slice(0, 1);
    tried = first[0];
    return first;
  };
  for (;;) {
    try {
      tried = undefined;
      if ((await placePool(context, poolId, chooseOne, failed.length)) === 0) return;
    } catch (error) {
      if (tried === undefined) throw error;
      const { run, machine }: Placement = tried;
      context.log.warn("a placement could not be saved", { run, machine, error: errorText(error) });
      failed.push(tried);
    }
  }
}

/** Places what fits now; returns how many. `beyond`: so many runs may be at the head that are not to be tried again. */
async function placePool(context: EngineContext, poolId: PoolId, choose: Choose, beyond = 0): Promise<number> {
  const begun = await context.database.sql.begin(async (tx) => {
    const pool = await lockPool(tx, poolId);
    if (pool === undefined) return [];
    const asked = await readNow(tx);
    const facts = await readFacts(context, tx, poolId, pool, beyond, asked);
    if (facts === undefined) return [];
    const placements = choose(facts);
    if (placements.length === 0) return [];
    const runs = await lockWaiting(tx, placements.map((p) => p.run).sort());
    const machines = await lockFree(tx, placements.map((p) => p.machine).sort(), asked);
    const now = await readNow(tx);
    const runById = new Map<RunId, LockedRun>(runs.map((r) => [r.run.id, r]));
    const machineById = new Map<MachineId, MachineRow>(machines.map((m) => [m.id, m]));
    const saved: Placement[] = [];
    for (const placement of placements) {
      const run = runById.get(placement.run);
      const machine = machineById.get(placement.machine);
      if (run === undefined || machine === undefined) continue;
      if (await beginWaiting(context, tx, run, machine, now)) saved.push(placement);
    }
    const shares = saved.reduce((shares, { caller, purpose }) => {
      return purpose === "attempt" ? served(shares, caller) : shares;
    }, facts.shares);
    if (shares !== facts.shares) await saveShares(tx, poolId, shares);
    return saved.map((placement) => ({ ...placement, tenant: pool.tenantId }));
  });
  context.wakeup.publish(
    begun.flatMap(({ run, machine, tenant }) => [topics.run(run), topics.machine(machine), topics.events(tenant)]),
  );
  return begun.length;
}

/** What there is to decide about in the pool; undefined when that is nothing. */
async function readFacts(
  context: EngineContext,
  tx: Tx,
  poolId: PoolId,
  pool: LockedPool,
  beyond: number,
  now: Instant,
): Promise<PlacingFacts | undefined> {
  const fleet = await readFree(tx, poolId, limits.placingMachines, now);
  if (fleet.length === 0) return undefined;
  const offers = await context.catalogue.offers(
    tx,
    fleet.map(({ offer }) => offer),
  );
  const perRoute = Math.min(limits.placingHead, fleet.length) + beyond;
  const [unsettled, queued] = [await waitingRoutes(tx, poolId, "unsettled"), await waitingRoutes(tx, poolId, "queued")];
  const limited = await lockLimits(tx, pool.tenantId, [...unsettled, ...queued]);
  const fitted = [fitting(unsettled, offers, limited), fitting(queued, offers, limited)] as const;
  const queue = [
    ...(fitted[0].length === 0 ? [] : await unsettledHead(tx, poolId, fitted[0], perRoute, now)),
    ...(fitted[1].length === 0 ? [] : await queueHead(tx, poolId, fitted[1], perRoute, now)),
  ];
  if (queue.length === 0) return undefined;
  const waiting = new Set(queue.map(({ route }) => route));
  const routes = [...new Map([...unsettled, ...queued].map((route) => [route.id, route])).values()].filter(({ id }) =>
    waiting.has(id),
  );
  // Also of those who wait for other machines: their turn does not pass.
  const callers = [...new Set(queued.map(({ caller }) => caller))];
  const shares = await readShares(tx, poolId, pool, callers);
  return { queue, routes, fleet, offers, shares, limits: limited, now };
}

/** Routes of which more may begin, that fit any of the offers, and which. */
const fitting = (routes: readonly Route[], offers: readonly KnownOffer[], limited: readonly Limit[]): FittingOffers[] =>
  routes
    .filter((route) => !limited.some((limit) => limit.left <= 0 && bounds(limit, route)))
    .map(({ id, requirement }) => ({
      route: id,
      offers: offers.filter((offer) => misfit(requirement, offer) === undefined).map((offer) => offer.id),
    }))
    .filter((fits) => fits.offers.length > 0);

const bounds = ({ kind, name }: Limit, { workflow, requirement }: Route): boolean =>
  name === (kind === "workflow" ? workflow : requirement.application);

/** Begins to clean up the machines of the pool that an attempt has left so, each by itself: one holds up no other (G7). */
async function cleanPool(context: EngineContext, poolId: PoolId): Promise<void> {
  const passed: MachineId[] = [];
  const cleanNext = async (tx: Tx): Promise<string[]> => {
    if ((await lockPool(tx, poolId)) === undefined) return [];
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
