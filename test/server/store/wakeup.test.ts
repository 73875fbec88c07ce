// Wake-ups across processes: by NOTIFY on their own connections, which may die.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openStore } from "../../../server/store/database.ts";
import { openWakeup } from "../../../server/store/wakeup.ts";
import { until } from "../../agent/desktop/until.ts";
import { testDatabase } from "../../support/postgres.ts";
import { silentLog } from "../engine/rig.ts";

const { url } = await testDatabase();

test("a publication wakes subscribers of its topic here and elsewhere, many as one, and those who let go no more", async (t) => {
  const [one, two] = await Promise.all([openWakeup(url, silentLog), openWakeup(url, silentLog)]);
  t.after(() => Promise.all([one.stop(), two.stop()]));
  const woken = { here: 0, there: 0, other: 0, gone: 0 };
  one.subscribe("run:1", () => woken.here++);
  two.subscribe("run:1", () => woken.there++);
  two.subscribe("run:2", () => woken.other++);
  two.subscribe("run:1", () => woken.gone++)();
  for (let i = 0; i < 50; i++) one.publish(["run:1"]);
  await until("both woken", () => woken.here > 0 && woken.there > 0);
  assert.equal(woken.there, 1);
  one.publish(Array.from({ length: 1_000 }, (_, i) => `run:${i}:${"x".repeat(40)}`).concat("run:2"));
  await until("a wake-up among many", () => woken.other > 0);
  assert.equal(woken.gone, 0);
  two.publish(["run:1"]);
  await until("the other way", () => woken.there > 1);
});

test("a listener whose connection is cut listens again, and wakes everybody, for it may have missed something", async (t) => {
  const [one, two] = await Promise.all([openWakeup(url, silentLog), openWakeup(url, silentLog)]);
  const store = openStore(url);
  t.after(async () => {
    await Promise.all([one.stop(), two.stop()]);
    await store.stop();
  });
  const woken = { all: 0, topic: 0 };
  one.subscribe("anything", () => woken.all++);
  one.subscribe("run:1", () => woken.topic++);
  const cut = await store.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and query ilike 'listen%'`;
  assert.ok(cut.length >= 2);
  await until("everybody woken", () => woken.all > 0);
  const before = woken.topic;
  await until("a wake-up over the new connection", () => {
    two.publish(["run:1"]);
    return woken.topic > before;
  });
});
