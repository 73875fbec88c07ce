// What is explained and what is placed are the same (G7): in any state of machines, halts, pauses and limits, a machine without
// an obstacle is one that placing reads as free, and a route that nothing holds is one that placing reads.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { v7 as uuid } from "uuid";
import { haltKinds } from "../../../server/rules/halt.ts";
import { holdsOf } from "../../../server/rules/holds.ts";
import { desktopStates, holdReasons, machineStatuses } from "../../../server/rules/machine.ts";
import { misfit, type Offer } from "../../../server/rules/matching.ts";
import type { PoolId } from "../../../server/rules/names.ts";
import { obstaclesOf } from "../../../server/rules/obstacles.ts";
import { limitKinds, pauseKinds, type Route } from "../../../server/rules/route.ts";
import { lockLimits } from "../../../server/store/concurrency.ts";
import { readNow } from "../../../server/store/database.ts";
import { readFleet, readRoutes } from "../../../server/store/explanation-reads.ts";
import { readHolds } from "../../../server/store/holds.ts";
import { readFree } from "../../../server/store/machines.ts";
import { keepOffer, readOffers } from "../../../server/store/offers.ts";
import { poolNamed } from "../../../server/store/pools.ts";
import { waitingRoutes } from "../../../server/store/queue.ts";
import { begin, put, startRig, TestMachine, workflowSource } from "./rig.ts";

const rig = await startRig();
const { tenantId } = rig;
const { sql } = rig.database;

const pools = await Promise.all(["default", "ward"].map((name) => poolNamed(sql, tenantId, name)));
const [home, ward] = pools as [PoolId, PoolId];
const requirement = { application: "notes", version: ">=2", labels: [{ label: "site", is: "present" }] } as const;
const bodies: Offer[] = [
  { applications: [{ name: "notes", version: "2.1" }], labels: { site: "north" } },
  { applications: [{ name: "notes", version: "1.9" }], labels: { site: "north" } },
  { applications: [{ name: "notes", version: "2.1" }], labels: {} },
  { applications: [], labels: {} },
];
const offerIds = await Promise.all(bodies.map((body) => keepOffer(sql, body)));
const offers = new Map((await readOffers(sql, offerIds)).map((offer) => [offer.id, offer]));
const machines = await Promise.all(Array.from({ length: 12 }, () => TestMachine.enrol(rig)));

/** Most things are mostly as they should be: else no machine would ever be free. */
const mostly = <T, U>(usual: T, other: fc.Arbitrary<U>) =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, other);
const seldom = <T>(value: fc.Arbitrary<T>) => mostly(null, value);
const fromNow = fc.constantFrom(-60_000, 60_000);
const anyMachine = fc.record({
  status: mostly("idle" as const, fc.constantFrom(...machineStatuses)),
  pool: mostly(home, fc.constant(ward)),
  offer: mostly(offerIds[0], fc.constantFrom(...offerIds, null)),
  applications: fc.constantFrom([], ["notes"]),
  revoked: seldom(fromNow),
  cordoned: seldom(fromNow),
  drain: seldom(fromNow),
  unready: seldom(fromNow),
  quarantined: seldom(fromNow),
  hold: seldom(fc.constantFrom(...holdReasons)),
  desktop: seldom(fc.constantFrom(...desktopStates)),
  keptFree: mostly(false, fc.constant(true)),
  unclean: mostly(false, fc.constant(true)),
});
type AnyMachine = typeof anyMachine extends fc.Arbitrary<infer T> ? T : never;

async function become(at: number, is: AnyMachine, now: number): Promise<void> {
  const after = (ms: number | null) => (ms === null ? null : now + ms);
  await sql`
    update machines set status = ${is.status}, pool_id = ${is.pool}, offer_id = ${is.offer ?? null},
      applications = ${is.applications}::text[],
      takeover_at = ${is.status === "reattaching" ? now : null}::timestamptz, revoked_at = ${after(is.revoked)}::timestamptz,
      cordoned_at = ${after(is.cordoned)}::timestamptz,
      drain_by = ${is.cordoned === null ? null : after(is.drain)}::timestamptz,
      unready_until = ${after(is.unready)}::timestamptz, quarantined_until = ${after(is.quarantined)}::timestamptz,
      hold = ${is.hold}, desktop = ${is.desktop}, kept_free = ${is.keptFree},
      unclean_attempt_id = ${is.unclean ? uuid() : null}
    where id = ${machines[at]?.id ?? ""}`;
}

const anyHalt = fc.record({ kind: fc.constantFrom(...haltKinds), at: fc.nat(machines.length - 1) });

/** Halts that are in force. */
async function halted(halts: readonly { kind: (typeof haltKinds)[number]; at: number }[]): Promise<void> {
  await sql`delete from halts`;
  for (const { kind, at } of halts) {
    const targets = {
      machine: machines[at]?.id ?? "",
      ...{ workflow: called(at), application: applications[at % 2] ?? "", pool: pools[at % 2] ?? "", tenant: "" },
    };
    await sql`
      insert into halts (id, tenant_id, kind, target, reason, halted_by, halted_at)
      values (${uuid()}, ${tenantId}, ${kind}, ${targets[kind]}, '', '', now()) on conflict do nothing`;
  }
}

const applications = ["notes", "sums"];
const called = (at: number) => `work.w${at % 4}`;

test("a machine is free to placing exactly when nothing is told that keeps it from the run", async () => {
  let free = 0;
  const fleetOf = fc.tuple(...machines.map(() => anyMachine));
  const found = await fc.check(
    fc.asyncProperty(fleetOf, fc.option(anyHalt), fc.subarray(machines), async (fleet, halt, avoided) => {
      const now = await readNow(sql);
      await Promise.all(fleet.map((machine, at) => become(at, machine, now)));
      await halted(halt === null ? [] : [halt]);
      const avoid = avoided.length > machines.length / 3 ? [] : avoided.map(({ id }) => id);
      const placing = (await readFree(sql, home, 1_000, now))
        .filter(({ id, offer }) => misfit(requirement, offers.get(offer) as Offer) === undefined && !avoid.includes(id))
        .map(({ id }) => id);
      const holds = await readHolds(sql, tenantId);
      const told = (await readFleet(sql, tenantId))
        .map((machine) => ({ ...machine, offer: machine.offer === null ? undefined : offers.get(machine.offer) }))
        .filter((machine) => obstaclesOf({ poolId: home, requirement, avoid }, machine, holds, {}, now).length === 0)
        .map(({ id }) => id);
      assert.deepEqual(told.sort(), placing.sort());
      free += told.length;
    }),
    { numRuns: 60 },
  );
  assert.ok(!found.failed, fc.defaultReportMessage(found));
  assert.ok(free > 60, `${free} machines in all were free: too few to say anything`);
});

test("a route is read by placing, with what limits leave of it, exactly when nothing is told that holds it", async () => {
  await Promise.all(
    machines.map((machine) => sql`update machines set status = 'offline', takeover_at = null where id = ${machine.id}`),
  );
  await sql`insert into application_versions (id, tenant_id, name, version, digest, source, program, created_at)
    select gen_random_uuid(), tenant_id, 'sums', 1, 'sums', source, program, now() from application_versions limit 1`;
  for (let at = 0; at < 4; at++) {
    const source = workflowSource.replace("notes.save", called(at)).replace(": notes", `: ${applications[at % 2]}`);
    await put(rig, at < 2 ? source : `${source}requires: { pool: ward }\n`);
    await begin(rig, { workflow: called(at) });
  }
  const rows = await sql<{ poolId: PoolId; route: string }[]>`select pool_id, route_id as route from runs`;
  const routes = await readRoutes(
    sql,
    tenantId,
    rows.map(({ route }) => route),
  );
  const poolOf = (route: Route) => rows.find((row) => row.route === route.id)?.poolId as PoolId;
  const anyPause = fc.record({ kind: fc.constantFrom(...pauseKinds), at: fc.nat(3) });
  const anyLimit = fc.record({ kind: fc.constantFrom(...limitKinds), at: fc.nat(3), max: fc.nat(1) });
  let open = 0;
  const few = { maxLength: 1 };
  const any = fc.tuple(fc.array(anyHalt, few), fc.array(anyPause, few), fc.array(anyLimit, few));
  const found = await fc.check(
    fc.asyncProperty(any, async ([halts, pauses, limits]) => {
      await halted(halts);
      await sql`delete from pauses`;
      await sql`delete from concurrency_limits`;
      for (const { kind, at } of pauses) {
        const target = { workflow: called(at), application: applications[at % 2] ?? "", pool: pools[at % 2] ?? "" };
        await sql`insert into pauses (id, tenant_id, kind, target, reason, paused_by, paused_at)
          values (${uuid()}, ${tenantId}, ${kind}, ${target[kind]}, '', '', now())`;
      }
      for (const { kind, at, max } of limits) {
        const name = { workflow: called(at), application: applications[at % 2] ?? "" }[kind];
        await sql`insert into concurrency_limits (tenant_id, kind, name, max, set_by, set_at)
          values (${tenantId}, ${kind}, ${name}, ${max}, '', now())`;
      }
      const holds = await readHolds(sql, tenantId);
      const told = routes.filter((route) => holdsOf(route, poolOf(route), holds).length === 0).map(({ id }) => id);
      const read = (await Promise.all(pools.map((pool) => waitingRoutes(sql, pool, "queued")))).flat();
      const left = await sql.begin((tx) => lockLimits(tx, tenantId, routes));
      const bounded = (route: Route) =>
        left.some(({ kind, name, left }) => {
          const its = kind === "workflow" ? route.workflow : route.requirement.application;
          return its === name && left <= 0;
        });
      const placing = read.filter((route) => !bounded(route)).map(({ id }) => id);
      assert.deepEqual(told.sort(), placing.sort());
      open += told.length;
    }),
    { numRuns: 100 },
  );
  assert.ok(!found.failed, fc.defaultReportMessage(found));
  assert.ok(open > 50, `${open} routes in all were open: too few to say anything`);
});
