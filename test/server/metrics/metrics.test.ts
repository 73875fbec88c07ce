// What is counted, when, and for whom; and that the page in docs tells of every metric.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { silent } from "../../../server/engine/attaching.ts";
import { cancelRun } from "../../../server/engine/cancelling.ts";
import { changeRun } from "../../../server/engine/changing.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import { resolveRun } from "../../../server/engine/resolving.ts";
import { createKnownNames, namesMax, others } from "../../../server/metrics/known-names.ts";
import { createMetrics } from "../../../server/metrics/metrics.ts";
import type { FigureFacts } from "../../../server/rules/figures.ts";
import type { PoolId, RouteId, TenantId } from "../../../server/rules/names.ts";
import { afterCommit } from "../../../server/store/after-commit.ts";
import { openStore } from "../../../server/store/database.ts";
import type { Operation } from "../../../server/store/observed.ts";
import { Exposition } from "../../support/exposition.ts";
import { promtool } from "../../support/promtool.ts";
import { anotherTenant, begin, kinds, startRig, TestMachine } from "../engine/rig.ts";

const rig = await startRig();
const nobody = "00000000-0000-7000-8000-00000000000a" as TenantId;
const none: FigureFacts = {
  ...{ runs: [], routes: [], machines: [], pools: new Map(), underWay: [], unknown: [], now: 1_000_000 },
  holds: { halts: [], pauses: [], limits: [] },
};

function served(read: (tenant: TenantId) => Promise<FigureFacts> = async () => none, waitMs = 3_000) {
  const metrics = createMetrics(waitMs);
  metrics.serve({ read, isLive: () => true });
  const page = async (tenant: TenantId) => new Exposition((await metrics.page(tenant)).text);
  return { ...metrics, page };
}

test("what an engine does for a tenant is counted once, for that tenant alone (G12)", async () => {
  const metrics = served();
  const of = await anotherTenant({ ...rig, context: { ...rig.context, meter: metrics.meter } });
  const { context, tenantId } = of;
  const machine = await TestMachine.idle(of);
  await machine.attach();
  await silent(context, machine.id, machine.sessionId, 0);
  assert.equal((await machine.restart()).is, "admitted");
  const first = await begin(of, { idempotencyKey: "one" });
  await begin(of, { idempotencyKey: "one" });
  await placeAll(context);
  await machine.upTo("write");
  await changeRun(context, first, { is: "held", why: "HALTED" });
  await changeRun(context, first, { is: "let-go" });
  await machine.upTo("leave");
  await machine.report();
  const second = await begin(of);
  await placeAll(context);
  await machine.report();
  await machine.report({ input: "none", failure: { category: "FOCUS_LOST", message: "" } });
  const unknown = await begin(of);
  await placeAll(context);
  await machine.upTo("save");
  await machine.report({ failure: { category: "NOT_DONE", message: "" } });
  const resolution = { as: "FAILED", outputs: null, nothingCommitted: true, by: "somebody", note: "" } as const;
  assert.ok((await resolveRun(context, tenantId, unknown, resolution)).ok);
  const third = await begin(of);
  await cancelRun(context, tenantId, third);
  await cancelRun(context, tenantId, third);
  assert.deepEqual(
    [await kinds(of, first), await kinds(of, second), await kinds(of, third)].map((each) => each.at(-1)),
    ["ENDED", "ENDED", "ENDED"],
  );

  const told = await metrics.page(tenantId);
  assert.deepEqual(told.counts("drover_runs_started_total"), { "notes.save": 4 });
  assert.deepEqual(told.counts("drover_runs_ended_total"), {
    "notes.save SUCCEEDED": 1,
    "notes.save FAILED": 1,
    "notes.save CANCELLED": 1,
    "notes.save UNKNOWN": 1,
  });
  assert.deepEqual(told.counts("drover_attempts_ended_total"), {
    "notes attempt succeeded": 1,
    "notes attempt failed FOCUS_LOST": 1,
    "notes attempt failed NOT_DONE": 1,
  });
  assert.equal(told.sum("drover_dispatch_duration_seconds_count"), 3);
  assert.equal(told.sum("drover_first_step_duration_seconds_count"), 3);
  assert.deepEqual(told.counts("drover_agent_starts_total"), { "": 2 });
  assert.deepEqual(told.counts("drover_agent_reconnects_total"), { "": 1 });

  const other = await metrics.page((await anotherTenant(rig)).tenantId);
  assert.doesNotMatch(other.text, /notes/);
  assert.deepEqual(
    other.samples.filter(({ name, value }) => value > 0 && /^drover_(runs|att|ag|disp|first)/.test(name)),
    [],
  );
});

test("a transaction that is rolled back is not told of, and one that commits is, after it has", async () => {
  const { sql } = rig.database;
  const told: string[] = [];
  const rolledBack = sql.begin(async (tx) => {
    afterCommit(tx, () => told.push("rolled back"));
    await tx`select 1 / 0`;
  });
  await assert.rejects(rolledBack, { code: "22012" });
  await sql.begin(async (tx) => {
    await tx`select 1`;
    afterCommit(tx, () => told.push("first"));
    afterCommit(tx, () => told.push("second"));
    assert.deepEqual(told, []);
  });
  assert.deepEqual(told, ["first", "second"]);
});

test("statements and transactions are timed once each, and their errors have the class of their SQLSTATE", async (t) => {
  const seen: Operation[] = [];
  const { sql, stop } = openStore(rig.databaseUrl, { observe: (operation) => seen.push(operation), connectionsMax: 2 });
  t.after(stop);
  const words = () => seen.splice(0).map(({ is, failed }) => (failed === undefined ? is : `${is} ${failed}`));
  const one = sql`1`;
  assert.equal((await sql`select ${one} + ${one} as sum, ${sql("id")} from tenants limit 0`).length, 0);
  assert.deepEqual(words(), ["statement"]);
  const twice = sql`select 1 as one`;
  assert.deepEqual([(await twice)[0], (await twice)[0]], [{ one: 1 }, { one: 1 }]);
  await sql.begin((tx) => Promise.all([tx`select 1`, tx`select 2`]));
  await sql.begin("isolation level repeatable read read only", async (tx) => await tx`select 1`);
  assert.deepEqual(words(), ["statement", "transaction", "transaction"]);
  await assert.rejects(async () => await sql`select 1 / 0`);
  await sql`select nothing`.catch(() => undefined);
  await assert.rejects(sql.begin((tx) => tx`select 1 / 0`));
  await assert.rejects(sql.begin(() => Promise.reject(new Error("a fault of ours"))));
  assert.deepEqual(words(), ["statement 22", "statement 42", "transaction 22", "transaction"]);
  // A key whose run was deleted is refused by a trigger: a caller can have that as often as it likes.
  await assert.rejects(async () => await sql`do $$ begin raise 'spent' using errcode = 'DRKEY'; end $$`, {
    code: "DRKEY",
  });
  assert.deepEqual(words(), ["statement"]);
  const nowhere = openStore("postgres://u@127.0.0.1:1/x", { observe: (operation) => seen.push(operation) });
  await assert.rejects(async () => await nowhere.sql`select 1`);
  await assert.rejects(nowhere.sql.begin((tx) => tx`select 1`));
  assert.deepEqual(words(), ["statement 08", "transaction 08"]);
  await nowhere.stop();
});

test("while the database does not answer, all that it does not know is told in time", async () => {
  for (const read of [() => Promise.reject(new Error("Jane Doe")), () => new Promise<FigureFacts>(() => {})]) {
    const metrics = served(read, 50);
    metrics.meter.beat(nobody);
    const told = await metrics.page(nobody);
    assert.equal(told.sum("drover_database_readable"), 0);
    assert.equal(told.types.has("drover_queue_runs"), false);
    assert.equal(told.sum("drover_agent_beats_total"), 1);
    assert.doesNotMatch(told.text, /Jane/);
  }
});

test("several who scrape at once cost one reading to each tenant; one that failed is not kept", async () => {
  const read: TenantId[] = [];
  const elsewhere = "00000000-0000-7000-8000-00000000000b" as TenantId;
  let broken = true;
  const metrics = served(async (tenant) => {
    read.push(tenant);
    if (broken) throw new Error("away");
    return none;
  });
  assert.equal((await metrics.page(nobody)).sum("drover_database_readable"), 0);
  broken = false;
  const pages = await Promise.all([nobody, nobody, elsewhere, nobody].map((tenant) => metrics.page(tenant)));
  assert.deepEqual(
    pages.map((page) => page.sum("drover_database_readable")),
    [1, 1, 1, 1],
  );
  assert.deepEqual(read, [nobody, nobody, elsewhere]);
});

test("however many workflows there are, their series are bounded, and what is over the bound is counted together", async () => {
  const name = createKnownNames(2);
  assert.deepEqual(["a", "b", "c", "a", "d"].map(name), ["a", "b", others, "a", others]);
  const metrics = served();
  for (let i = 0; i < namesMax + 20; i++) {
    metrics.meter.runStarted(nobody, `w${i}`);
    metrics.meter.runEnded(nobody, `w${i}`, "FAILED");
  }
  const told = await metrics.page(nobody);
  assert.equal(told.all("drover_runs_ended_total", { outcome: "FAILED" }).length, namesMax + 1);
  assert.equal(told.sum("drover_runs_ended_total", { outcome: "FAILED", workflow: others }), 20);
});

/** A page with a sample of every metric. */
async function everything(): Promise<Exposition> {
  const poolId = "pool" as PoolId;
  const route = { id: "route" as RouteId, workflow: "w", caller: "c", requirement: { application: "a", labels: [] } };
  const away = { attachedAt: null, takeoverAt: null, cordonedAt: null, drainBy: null, quarantinedUntil: null };
  const offer = { applications: [{ name: "a", version: "1" }], labels: {} };
  const like = {
    id: "m" as never,
    name: "",
    poolId,
    offer,
    applications: ["a"],
    status: "idle",
    hold: null,
    desktop: null,
    ...away,
  } as const;
  const metrics = served(async () => ({
    ...none,
    runs: [{ route: route.id, state: "queued", waits: "now", runs: 3, since: 1_000 }],
    routes: [{ ...route, poolId }],
    machines: [
      {
        machines: 2,
        like: { ...like, keptFree: false, unclean: false, unreadyUntil: null, unreadyVerdict: null, work: null },
      },
    ],
    pools: new Map([[poolId, "p"]]),
    underWay: [{ workflow: "w", application: "a", runs: 1 }],
    unknown: [{ workflow: "w", runs: 1 }],
  }));
  const { meter } = metrics;
  meter.runStarted(nobody, "w");
  meter.attemptEnded(nobody, { application: "a", purpose: "attempt", outcome: "failed", category: "TIMEOUT" });
  meter.streamOpened(nobody);
  meter.passed("placing", 3, "failed");
  return await metrics.page(nobody);
}

test("docs/metrics.md has a row for every metric, with its type and its labels; promtool finds nothing wrong with them", async () => {
  const told = await everything();
  const checked = promtool(["check", "metrics"], told.text);
  assert.deepEqual([checked.code, checked.said], [0, ""]);
  const docs = readFileSync(join(import.meta.dirname, "../../../docs/metrics.md"), "utf8");
  const rows = [...docs.matchAll(/^\| `(drover_\w+)` \| (\w+)[^|]*\| ([^|]*)\|/gm)].map(([, name, type, labels]) => {
    return `${name} ${type} ${labels?.trim()}`.trim();
  });
  const real = [...told.types]
    .filter(([name]) => name.startsWith("drover_"))
    .map(([name, type]) => {
      const sample = told.samples.find(
        (each) => each.name.replace(/_(bucket|count|sum)$/, "") === name || each.name === name,
      );
      const labels = Object.keys(sample?.labels ?? {}).filter((label) => label !== "le");
      return `${name} ${type} ${labels.join(", ")}`.trim();
    });
  assert.deepEqual(rows.sort(), real.sort());
  for (const [, name = ""] of docs.matchAll(/`((?:process|nodejs)_\w+)`/g)) assert.ok(told.types.has(name), name);
});
