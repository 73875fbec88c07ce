// What Windows says of a session -> whether there is a surface, and if not, why.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Picture, type SessionFacts, surfaceOf } from "../../../../agent/desktop/windows/surface.ts";

const fine: SessionFacts = {
  session: 1,
  station: "visible",
  connection: "active",
  lock: "unlocked",
  inputDesktop: "default",
  seenBy: "console",
};
const size = { width: 1280, height: 800 };
const shown = (): Picture => ({ is: "shown", ...size });

const table: readonly { what: string; facts: Partial<SessionFacts>; cause: string }[] = [
  { what: "the session of services", facts: { session: 0 }, cause: "NO_SESSION" },
  { what: "a window station that nobody sees", facts: { station: "invisible" }, cause: "NO_SESSION" },
  { what: "a closed remote desktop", facts: { connection: "disconnected", seenBy: "rdp" }, cause: "DISCONNECTED" },
  {
    what: "a closed remote desktop, which is locked as well",
    facts: { connection: "disconnected", lock: "locked", inputDesktop: "denied" },
    cause: "DISCONNECTED",
  },
  { what: "a locked workstation", facts: { lock: "locked", inputDesktop: "denied" }, cause: "LOCKED" },
  { what: "a screen saver", facts: { inputDesktop: "screen-saver" }, cause: "LOCKED" },
  { what: "a request for consent", facts: { inputDesktop: "denied" }, cause: "SECURE_DESKTOP" },
  { what: "a desktop of another name", facts: { inputDesktop: "other" }, cause: "SECURE_DESKTOP" },
];

for (const { what, facts, cause } of table) {
  test(`${what} is no surface: ${cause}, whatever the picture shows`, () =>
    assert.deepEqual(surfaceOf({ ...fine, ...facts }, shown), { is: "absent", cause }));
}

test("an unlocked session on the default desktop is a surface of the size of its picture", () =>
  assert.deepEqual(surfaceOf(fine, shown), { is: "present", ...size }));

test("facts that Windows does not tell decide nothing", () => {
  const unknown = { session: "unknown", station: "unknown", connection: "unknown", lock: "unknown" } as const;
  assert.deepEqual(surfaceOf({ ...fine, ...unknown, seenBy: "unknown" }, shown), { is: "present", ...size });
  assert.deepEqual(surfaceOf({ ...fine, ...unknown, inputDesktop: "denied" }, shown).is, "absent");
});

test("a picture that is all black, or that Windows does not give, is never called fine", () => {
  const black = surfaceOf(fine, () => ({ is: "black", ...size }));
  assert.deepEqual(black, { is: "absent", cause: "BLANK" });
  assert.deepEqual(
    surfaceOf(fine, () => ({ is: "denied" })),
    { is: "absent", cause: "SECURE_DESKTOP" },
  );
});

test("no picture is taken of a desktop that is known to be no surface", () => {
  const asked = surfaceOf({ ...fine, lock: "locked" }, () => assert.fail("a picture was taken"));
  assert.equal(asked.is, "absent");
});
