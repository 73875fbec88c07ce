// How long things are kept, and having runs deleted, from the client and as a shell sees it: against a real API and Postgres.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { createClient, Refused } from "../../sdk/index.ts";
import { authenticator, engineDoor } from "../../server/api/engine-door.ts";
import { serveApi } from "../../server/api/server.ts";
import { createKey } from "../../server/engine/keys.ts";
import { retaining } from "../../server/engine/retaining.ts";
import { age, assertGone, atSave, isThere, startKeepingRig, succeeded } from "../server/engine/left-behind.ts";
import { clear, silentLog, told } from "../server/engine/rig.ts";
import { clientProgram, droverAt } from "../support/drover-command.ts";

const rig = await startKeepingRig();
const { context, tenantId } = rig;
const api = await serveApi({
  ...{ host: "127.0.0.1", port: 0, log: silentLog, wakeup: rig.wakeup, isServing: () => true },
  door: engineDoor(context),
  authenticate: authenticator(context),
  audit: () => {},
});
after(() => api.stop());
const { secret } = await createKey(context, tenantId, { owner: "dr.smith", scope: "admin" });
const client = createClient({ url: api.url, key: secret });
after(() => client.close());

const folder = mkdtempSync(join(tmpdir(), "drover-kept-"));
after(() => rmSync(folder, { recursive: true }));
const inFolder = droverAt(api, folder);
const drover = (...args: string[]) => inFolder(args, { DROVER_KEY: secret });

before(clientProgram);
beforeEach(() => clear(rig));

const day = 24 * 60 * 60_000;

test("the client sets how long things are kept and purges a run; what cannot be purged is refused", async () => {
  assert.deepEqual(await client.retention(), { runsMs: 90 * day, artifactsMs: 7 * day });
  assert.deepEqual(await client.setRetention({ artifactsMs: 2 * day }), { runsMs: 90 * day, artifactsMs: 2 * day });
  const running = await atSave(rig);
  const refused = (reason: string) => (error: unknown) => error instanceof Refused && error.reason === reason;
  await assert.rejects(client.purge(running.id), refused("RUN_NOT_ENDED"));
  const run = await succeeded(rig);
  await client.purge(run.id);
  await assertGone(rig, run);
  await assert.rejects(client.run(run.id).refresh(), refused("RUN_NOT_FOUND"));
});

test("drover retention shows and sets it", async () => {
  const set = await drover("retention", "--runs", "30d", "--artifacts", "36h");
  assert.deepEqual(
    [set.code, set.out, set.err],
    [0, "runs       30 d after they ended\nartifacts  36 h after they were made\n", ""],
  );
  const shown = await drover("retention", "--json");
  assert.deepEqual(JSON.parse(shown.out), { runsMs: 30 * day, artifactsMs: 1.5 * day });
  const short = await drover("retention", "--runs", "30s");
  assert.equal(short.code, 4);
  assert.match(short.err, /retention\.runs/);
});

test("drover purge deletes runs for good, and without a terminal only with --yes", async () => {
  const [one, two] = [await succeeded(rig), await succeeded(rig)];
  const unasked = await drover("purge", one.id);
  assert.deepEqual([unasked.code, unasked.out], [2, ""]);
  assert.match(unasked.err, /cannot be brought back: say --yes/);
  assert.equal(await isThere(rig, one.id), true);
  const done = await drover("purge", "--yes", one.id, two.id);
  assert.deepEqual([done.code, done.out], [0, `run ${one.id} is deleted\nrun ${two.id} is deleted\n`]);
  for (const run of [one, two]) await assertGone(rig, run);
  const again = await drover("purge", "--yes", "--json", one.id);
  assert.equal(again.code, 4);
  assert.equal(JSON.parse(again.err).error.reason, "RUN_NOT_FOUND");
});

test("of a run whose frames are kept no longer all else is shown, and its film says so and is no failure", async () => {
  const run = await atSave(rig);
  await run.machine.report({ input: "some", failure: { category: "NOT_DONE", message: "" } });
  assert.equal(await told(rig, run.id), "UNKNOWN UNKNOWN");
  assert.match((await drover("run", run.id)).out, /1 frames are kept/);
  await age(rig, run.id, 8);
  await retaining(context)();
  const shown = await drover("run", run.id);
  assert.equal(shown.code, 0);
  assert.match(shown.out, /save +press.*\n(.*\n)*\nIts frames are kept no longer, or there were none\.\n/);
  const film = await drover("film", run.id);
  assert.deepEqual([film.code, film.out], [0, ""]);
  assert.match(film.err, /their retention has ended/);
});

test("a film of which a frame is deleted while it is saved is saved without it", async () => {
  const run = await succeeded(rig);
  // The row is still there, and its blob is not: what a pass leaves that was cut off.
  await context.blobs.deleteAll(`runs/${run.id}`);
  const film = await drover("film", run.id, "--out", "film");
  assert.deepEqual([film.code, film.out], [0, ""]);
  assert.match(film.err, /is kept no longer\.\n/);
  assert.deepEqual(readdirSync(join(folder, "film")), []);
});
