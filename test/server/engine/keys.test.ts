// Keys of the API: a tenant is never left without one that can make others.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createKey, revokeKey } from "../../../server/engine/keys.ts";
import { startRig } from "./rig.ts";

const { context, tenantId } = await startRig();

const admin = async (lifetimeMs?: number) => {
  const life = lifetimeMs === undefined ? {} : { lifetimeMs };
  return (await createKey(context, tenantId, { owner: "somebody", scope: "admin", ...life })).key.id;
};

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
