// The numbers of queue and fleet are those of single runs and machines, in whatever state they are.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { v7 as uuid } from "uuid";
import { halt } from "../../../server/engine/halting.ts";
import { setLimit } from "../../../server/engine/limiting.ts";
import { pause } from "../../../server/engine/pausing.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import { resolveRun } from "../../../server/engine/resolving.ts";
import { type Figures, figuresOf } from "../../../server/rules/figures.ts";
import { desktopStates, holdReasons, machineStatuses } from "../../../server/rules/machine.ts";
import type { PoolId } from "../../../server/rules/names.ts";
import { obstaclesOf } from "../../../server/rules/obstacles.ts";
import { readNow } from "../../../server/store/database.ts";
import { readFleet } from "../../../server/store/explanation-reads.ts";
import { readFigures } from "../../../server/store/figures.ts";
import { readHolds } from "../../../server/store/holds.ts";
import { keepOffer, readOffers } from "../../../server/store/offers.ts";
import { poolNamed } from "../../../server/store/pools.ts";
import { readRunView } from "../../../server/store/run-reads.ts";
import {
  anotherTenant,
  begin,
  put,
  type Rig,
  startRig,
  told as statusOf,
  TestMachine,
  workflowSource,
} from "../engine/rig.ts";

const rig = await startRig();
const { sql } = rig.database;
const figures = async (of: Rig = rig): Promise<Figures> => figuresOf(await readFigures(sql, of.tenantId));

/** What is counted, by its labels in words. */
function counted(groups: readonly object[], what: "runs" | "machines"): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const group of groups) {
    const { [what]: count, oldestMs: _, ...labels } = group as Record<string, unknown>;
    const key = Object.values(labels).join(" ");
    counts[key] = (counts[key] ?? 0) + Number(count);
  }
  return counts;
}

test("machines in any state are counted as each would be told by itself", async () => {
  const of = await anotherTenant(rig);
  const { tenantId } = of;
  const pools = (await Promise.all(["default", "ward"].map((name) => poolNamed(sql, tenantId, name)))) as [
    PoolId,
    PoolId,
  ];
  const version = "1";
  const names = [["notes"], ["notes", "sums"], []];
  const offerIds = await Promise.all(
    names.map((each) => keepOffer(sql, { applications: each.map((name) => ({ name, version })), labels: {} })),
  );
  const offers = new Map((await readOffers(sql, offerIds)).map((offer) => [offer.id, offer]));
  const machines = await Promise.all(Array.from({ length: 10 }, () => TestMachine.enrol(of)));
  const [first] = machines;
  // Most things are mostly as they should be: else every machine would be one of its kind.
  const mostly = <T, U>(usual: T, other: fc.Arbitrary<U>) =>
    fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, other);
  const seldom = <T>(value: fc.Arbitrary<T>) => mostly(null, value);
  const fromNow = fc.constantFrom(-60_000, 60_000);
  const anyMachine = fc.record({
    status: mostly("idle" as const, fc.constantFrom(...machineStatuses)),
    pool: mostly(pools[0], fc.constant(pools[1])),
    offer: mostly(offerIds[1] ?? null, fc.constantFrom(...offerIds, null)),
    applications: fc.constantFrom(...names),
    ...{ revoked: seldom(fromNow), cordoned: seldom(fromNow), drain: seldom(fromNow) },
    ...{ unready: seldom(fromNow), quarantined: seldom(fromNow) },
    ...{ hold: seldom(fc.constantFrom(...holdReasons)), desktop: seldom(fc.constantFrom(...desktopStates)) },
    keptFree: mostly(false, fc.constant(true)),
    unclean: mostly(false, fc.constant(true)),
    service: mostly(false, fc.constant(true)),
  });
  const property = async (fleet: readonly (typeof anyMachine extends fc.Arbitrary<infer T> ? T : never)[]) => {
    const now = await readNow(sql);
    const at = (ms: number | null) => (ms === null ? null : now + ms);
    await sql`delete from leases where tenant_id = ${tenantId}`;
    for (const [i, is] of fleet.entries()) {
      const id = machines[i]?.id ?? assert.fail();
      await sql`
        update machines set status = ${is.status}, pool_id = ${is.pool}, offer_id = ${is.offer},
          applications = ${is.applications}::text[],
          takeover_at = ${is.status === "reattaching" ? now : null}::timestamptz, revoked_at = ${at(is.revoked)}::timestamptz,
          cordoned_at = ${at(is.cordoned)}::timestamptz, drain_by = ${is.cordoned === null ? null : at(is.drain)}::timestamptz,
          unready_until = ${at(is.unready)}::timestamptz, quarantined_until = ${at(is.quarantined)}::timestamptz,
          hold = ${is.hold}, desktop = ${is.desktop}, kept_free = ${is.keptFree},
          unclean_attempt_id = ${is.unclean ? uuid() : null}
        where id = ${id}`;
      if (is.service) {
        await sql`insert into leases (id, tenant_id, machine_id, purpose, epoch, granted_at, deadline_at)
          values (${uuid()}, ${tenantId}, ${id}, 'service', 1, now(), now())`;
      }
    }
    const told = await figures(of);
    const holds = await readHolds(sql, tenantId);
    const each = (await readFleet(sql, tenantId)).flatMap(({ offer, ...machine }) => {
      const its = offer === null ? undefined : offers.get(offer);
      const pool = machine.poolId === pools[0] ? "default" : "ward";
      return (its?.applications.map(({ name }) => name) ?? machine.applications).map((name) => {
        const seeker = { poolId: machine.poolId, requirement: { application: name, labels: [] }, avoid: [] };
        const whys = obstaclesOf(seeker, { ...machine, offer: its }, holds, {}, now);
        return { application: name, pool, reason: whys[0]?.reason ?? "NONE", machines: 1 };
      });
    });
    assert.deepEqual(counted(told.fitness, "machines"), counted(each, "machines"));
    const alive = fleet.filter(({ revoked }) => revoked === null);
    const statuses = alive.map(({ pool, status }) => ({
      pool: pool === pools[0] ? "default" : "ward",
      status,
      machines: 1,
    }));
    assert.deepEqual(counted(told.machines, "machines"), counted(statuses, "machines"));
  };
  await fc.assert(fc.asyncProperty(fc.tuple(...machines.map(() => anyMachine)), property), { numRuns: 15 });
  await halt(rig.context, tenantId, { kind: "machine", name: first?.name ?? "", reason: "", by: "somebody" });
  await fc.assert(fc.asyncProperty(fc.tuple(...machines.map(() => anyMachine)), property), { numRuns: 15 });
});

test("waiting runs are counted by why they wait, whoever started them, with the age of the oldest", async () => {
  const of = await anotherTenant(rig);
  const { context, tenantId } = of;
  const named = async (workflow: string, more = "", application = "notes") => {
    await put(of, `${workflowSource.replace("notes.save", workflow).replace(": notes", `: ${application}`)}${more}`);
    return workflow;
  };
  for (const caller of ["one", "two"]) await begin(of, { caller });
  await begin(of, { notBefore: (await readNow(sql)) + 60_000 });
  const paused = await begin(of, { workflow: await named("notes.paused") });
  await pause(context, tenantId, { kind: "workflow", name: "notes.paused", reason: "", by: "somebody" });
  await begin(of, { workflow: await named("notes.halted") });
  await halt(context, tenantId, { kind: "workflow", name: "notes.halted", reason: "", by: "somebody" });
  await begin(of, { workflow: await named("notes.new", 'requires: { version: ">=2" }\n') });
  await begin(of, { workflow: await named("notes.far", "requires: { pool: ward }\n") });
  await sql`update runs set created_at = created_at - interval '1 hour' where id = ${paused}`;
  const queue = async () => counted((await figures(of)).queue, "runs");

  const always = {
    "notes.save notes default queued NOT_BEFORE": 1,
    "notes.paused notes default queued PAUSED": 1,
    "notes.halted notes default queued HALTED": 1,
    "notes.far notes ward queued APPLICATION_MISSING": 1,
  };
  const missing = {
    "notes.save notes default queued APPLICATION_MISSING": 2,
    "notes.new notes default queued APPLICATION_MISSING": 1,
  };
  assert.deepEqual(await queue(), { ...always, ...missing }, "there is no machine");
  const enrolled = await TestMachine.enrol(of);
  assert.deepEqual(await queue(), { ...always, ...missing }, "one that has never been attached has nothing");
  await sql`delete from machines where id = ${enrolled.id}`;
  const machines = await Promise.all([1, 2, 3].map(() => TestMachine.idle(of)));
  const wrong = { "notes.new notes default queued WRONG_VERSION": 1 };
  assert.deepEqual(await queue(), { ...always, ...wrong, "notes.save notes default queued OTHERS_FIRST": 2 });
  await sql`update machines set status = 'busy' where id = any(${machines.slice(0, 2).map(({ id }) => id)}::uuid[])`;
  await sql`update machines set cordoned_at = now() where id = ${machines[2]?.id ?? ""}`;
  assert.deepEqual(await queue(), { ...always, ...wrong, "notes.save notes default queued BUSY": 2 }, "most are busy");
  await sql`update machines set cordoned_at = null where id = ${machines[2]?.id ?? ""}`;
  const free = { "notes.save notes default queued OTHERS_FIRST": 2 };
  assert.deepEqual(await queue(), { ...always, ...wrong, ...free }, "one is free, and takes the next");
  const other = await keepOffer(sql, { applications: [{ name: "sums", version: "1" }], labels: {} });
  const [one, two] = machines.map(({ id }) => id);
  await sql`update machines set offer_id = ${other} where id in (${one ?? ""}, ${two ?? ""})`;
  assert.deepEqual(await queue(), { ...always, ...wrong, ...free }, "the nearest has it in another version");
  await sql`update machines set status = 'busy' where id = ${machines[2]?.id ?? ""}`;

  const ages = Object.fromEntries((await figures(of)).queue.map(({ reason, oldestMs }) => [reason, oldestMs]));
  assert.ok((ages["PAUSED"] ?? 0) > 3_599_000 && (ages["PAUSED"] ?? 0) < 3_660_000);
  assert.ok((ages["BUSY"] ?? -1) >= 0 && (ages["BUSY"] ?? 60_000) < 60_000);
  assert.equal(ages["NOT_BEFORE"], 0, "its time has not come");
});

test("a run that is tried again waits since its last attempt was over, or since a person let it be, and not since it was started", async () => {
  const of = await anotherTenant(rig);
  const { context, tenantId } = of;
  const machine = await TestMachine.idle(of);
  const run = await begin(of);
  /** All that was until now was an hour ago. */
  const hourPasses = async () => {
    const hour = sql`interval '1 hour'`;
    await sql`update runs set created_at = created_at - ${hour},
      resolution = jsonb_set(resolution, '{at}', to_jsonb((resolution ->> 'at')::bigint - 3600000)) where id = ${run}`;
    await sql`update attempts set ended_at = ended_at - ${hour} where run_id = ${run}`;
  };
  /** In hours, as figures and the run itself tell it. */
  const waited = async () => {
    const [now, view] = [await readNow(sql), await readRunView(sql, tenantId, run)];
    const ages = [(await figures(of)).queue[0]?.oldestMs, view?.waitsSince == null ? undefined : now - view.waitsSince];
    return ages.map((ms) => (ms === undefined ? "not" : Math.round(ms / 3_600_000)));
  };
  await hourPasses();
  assert.deepEqual(await waited(), [1, 1]);
  await placeAll(context);
  assert.deepEqual(await waited(), ["not", "not"]);
  await machine.report({ verdict: "MODAL_BLOCKING" });
  assert.equal(await statusOf(of, run), "queued");
  assert.deepEqual(await waited(), [0, 0]);
  await hourPasses();
  assert.deepEqual(await waited(), [1, 1]);
  const second = await TestMachine.idle(of);
  await placeAll(context);
  await second.upTo("save");
  await second.report({ failure: { category: "NOT_DONE", message: "" } });
  await hourPasses();
  assert.deepEqual(await waited(), ["not", "not"]);
  const found = { outputs: null, nothingCommitted: false, by: "somebody", note: "" };
  assert.ok((await resolveRun(context, tenantId, run, { ...found, as: "RETRY" })).ok);
  assert.deepEqual(await waited(), [0, 0]);
  await hourPasses();
  assert.deepEqual(await waited(), [1, 1]);
});

test("a run that ended UNKNOWN is counted until somebody settles it, whoever started it and wherever it ended (G12)", async () => {
  const of = await anotherTenant(rig);
  const machine = await TestMachine.idle(of);
  const unknown = async (tenant = of) => [...(await figures(tenant)).unknown];
  const endUnknown = async () => {
    const run = await begin(of);
    await placeAll(of.context);
    await machine.upTo("save");
    await machine.report({ failure: { category: "NOT_DONE", message: "" } });
    return run;
  };
  const [first, second] = [await endUnknown(), await endUnknown()];
  assert.deepEqual(await unknown(), [{ workflow: "notes.save", runs: 2 }]);
  assert.deepEqual(await unknown(await anotherTenant(rig)), []);
  const found = { outputs: null, nothingCommitted: false, by: "somebody", note: "" };
  assert.ok((await resolveRun(of.context, of.tenantId, first, { ...found, as: "FAILED" })).ok);
  assert.deepEqual(await unknown(), [{ workflow: "notes.save", runs: 1 }]);
  assert.ok((await resolveRun(of.context, of.tenantId, second, { ...found, as: "RETRY" })).ok);
  assert.deepEqual(await unknown(), []);
});

test("a run that has a machine waits no more; what is over its limit waits for that, and another tenant sees none of it (G12)", async () => {
  const of = await anotherTenant(rig);
  await setLimit(of.context, of.tenantId, { kind: "workflow", name: "notes.save", max: 1, by: "somebody" });
  await Promise.all([TestMachine.idle(of), TestMachine.idle(of), begin(of), begin(of)]);
  await placeAll(of.context);
  const { queue, machines, underWay } = await figures(of);
  assert.deepEqual(counted(queue, "runs"), { "notes.save notes default queued LIMIT_REACHED": 1 });
  assert.deepEqual(counted(underWay, "runs"), { "notes.save notes": 1 });
  assert.deepEqual(counted(machines, "machines"), { "default busy": 1, "default idle": 1 });
  const nothing = await figures(await anotherTenant(rig));
  assert.deepEqual(
    Object.values(nothing).map(({ length }) => length),
    [0, 0, 0, 0, 0],
  );
});
