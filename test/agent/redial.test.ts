import assert from "node:assert/strict";
import { test } from "node:test";
import { type DialEnd, REDIAL_LIMITS, redial } from "../../agent/connection/redial.ts";
import { namedAddress, serverAddress } from "../../agent/connection/server-address.ts";
import { restartDelayMs } from "../../agent/supervisor.ts";

const almostOne = 0.999999;
const lost: DialEnd = { was: "half-dead", attachedMs: 0 };
const refused = (code: string): DialEnd => ({ was: "status", code, detail: "", attachedMs: 0 });

test("the back-off doubles from 0.25 s to 10 s, with full jitter", () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 60].map(
    (failures) => Math.ceil(redial(lost, failures, almostOne).delayMs / 10) * 10,
  );
  assert.deepEqual(ceilings, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  assert.equal(redial(lost, 6, 0).delayMs, 0);
});

test("the back-off starts over after 10 s of attachment, and not before", () => {
  assert.equal(redial({ ...lost, attachedMs: 10_000 }, 8, almostOne).failures, 1);
  assert.equal(redial({ ...lost, attachedMs: 9_999 }, 8, almostOne).failures, 9);
});

test("a key or a version that only a person can mend is tried once a minute", () => {
  for (const code of ["UNAUTHENTICATED", "FAILED_PRECONDITION"]) {
    assert.equal(redial(refused(code), 0, 0).delayMs, REDIAL_LIMITS.hopelessMs);
  }
  assert.ok(redial(refused("ALREADY_EXISTS"), 0, almostOne).delayMs < 1000);
});

test("after GoAway there is no delay", () => {
  const next = redial({ was: "go-away", addresses: ["b:1", "c:2"], attachedMs: 5 }, 4, almostOne);
  assert.deepEqual(next, { failures: 0, delayMs: 0, addresses: ["b:1", "c:2"] });
});

test("an address off this machine without TLS is refused unless a person insists", () => {
  assert.throws(() => serverAddress("http://10.0.0.1:7401"), /TLS/);
  assert.equal(serverAddress("http://10.0.0.1:7401", { insecure: true }).target, "10.0.0.1:7401");
  assert.equal(serverAddress("https://fleet.example:7401").tls, true);
  for (const local of ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"]) serverAddress(local);
  for (const wrong of ["fleet.example:7401", "ftp://x", "http://", "https://x/y"]) {
    assert.throws(() => serverAddress(wrong), /address/);
  }
});

test("GoAway cannot send an agent somewhere that its own rules refuse", () => {
  const tls = serverAddress("https://fleet.example");
  assert.equal(namedAddress("b.example:7401", tls)?.target, "b.example:7401");
  assert.equal(namedAddress("http://127.0.0.1:7401", tls), undefined);
  assert.equal(namedAddress("http://10.0.0.1:7401", serverAddress("http://127.0.0.1:1")), undefined);
});

test("an agent that keeps dying is started again ever more slowly, up to 10 s", () => {
  assert.deepEqual(
    [0, 1, 2, 7, 50].map((lives) => restartDelayMs(lives, 100, 10_000)),
    [100, 200, 400, 10_000, 10_000],
  );
});
