// Keys of the API: a tenant is never left without one that can make others, and the database knows none of them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createEnrolmentToken } from "../../../server/engine/enrolling.ts";
import { createKey, firstAdminKey, revokeKey } from "../../../server/engine/keys.ts";
import { startRig, TestMachine } from "./rig.ts";

const rig = await startRig();
const { context, tenantId } = rig;
const { sql } = rig.database;

const admin = async (lifetimeMs?: number) => {
  const life = lifetimeMs === undefined ? {} : { lifetimeMs };
  return (await createKey(context, tenantId, { owner: "somebody", scope: "admin", ...life })).key.id;
};

test("no key and no token is in the database in clear (G10)", async () => {
  let first = "";
  const keep = async (drawn: string) => {
    first = drawn;
    return drawn;
  };
  assert.ok(await firstAdminKey(context, keep));
  const { secret: key } = await createKey(context, tenantId, { owner: "somebody", scope: "caller" });
  const wanted = { pool: "default", uses: 1, lifetimeMs: 60_000 };
  const { secret: token } = await createEnrolmentToken(context, tenantId, wanted);
  const { key: machineKey } = await TestMachine.enrol(rig);
  const tables = await sql<{ name: string }[]>`
    select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`;
  const rows = await Promise.all(tables.map(({ name }) => sql`select t::text as row from ${sql(name)} t`));
  // As text, and as Postgres shows bytes.
  const all = rows
    .flat()
    .map(({ row }) => row as string)
    .join("\n");
  for (const secret of [first, key, token, machineKey]) {
    assert.match(secret, /^drover_/);
    for (const shown of [secret, Buffer.from(secret).toString("hex")]) assert.ok(!all.includes(shown));
  }
  await sql`update keys set revoked_at = now()`;
});

test("the last admin key that is good is not revoked; one of two is, and may be again", async () => {
  const first = await admin();
  // It has ended at once, and can make no other.
  await admin(0);
  const refused = await revokeKey(context, tenantId, first);
  assert.equal(refused.ok ? "revoked" : refused.refusal.reason, "LAST_ADMIN_KEY");
  const second = await admin();
  assert.ok((await revokeKey(context, tenantId, first)).ok);
  assert.ok((await revokeKey(context, tenantId, first)).ok);
  const last = await revokeKey(context, tenantId, second);
  assert.equal(last.ok ? "revoked" : last.refusal.reason, "LAST_ADMIN_KEY");
});
