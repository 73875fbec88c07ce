// By which way health screenshots are taken, and how many at a time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { HealthScreenshots } from "../../../agent/desktop/health-screenshots.ts";
import { decodePng, encodePng } from "../../../agent/vision/png.ts";

const frame = { width: 2, height: 1, rgba: new Uint8Array(8).fill(255) };
const other = encodePng({ width: 3, height: 1, rgba: new Uint8Array(12).fill(255) });

/** Shots of 3 pixels come from the other programs, of 2 from the process's own. */
function shots(independent: () => Promise<Uint8Array>, withinMs = 10_000) {
  let calls = 0;
  const counted = () => {
    calls++;
    return independent();
  };
  const health = new HealthScreenshots({ independent: counted, own: () => frame, ownPath: "gdi" }, withinMs);
  return { health, calls: () => calls };
}

test("the other programs' way is taken where one warm-up shot shows that it works", async () => {
  const { health, calls } = shots(async () => other);
  assert.equal(await health.path(), "screenshot-desktop");
  assert.equal(calls(), 1);
  assert.equal(decodePng(await health.take()).width, 3);
  assert.equal(calls(), 2);
});

test("where the warm-up shot fails, or gives no PNG, shots are taken in process, and the other way is not tried again", async () => {
  for (const broken of [() => Promise.reject(new Error("no compiler")), async () => new Uint8Array(100)]) {
    const { health, calls } = shots(broken);
    assert.equal(decodePng(await health.take()).width, 2);
    assert.equal(decodePng(await health.take()).width, 2);
    assert.equal(await health.path(), "gdi");
    assert.equal(calls(), 1);
  }
});

test("the warm-up shot is alone, and callers that come while a shot is taken share it", async () => {
  let underWay = 0;
  let mostAtOnce = 0;
  const { health, calls } = shots(async () => {
    mostAtOnce = Math.max(mostAtOnce, ++underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay--;
    return other;
  });
  const taken = await Promise.all([health.take(), health.take(), health.path(), health.take()]);
  assert.equal(taken[0], taken[3]);
  assert.equal(mostAtOnce, 1);
  assert.equal(calls(), 2);
});

test("a shot that fails later is taken in process, that is told, and the next one is tried the other way again", async () => {
  let broken = false;
  const { health } = shots(async () => (broken ? Promise.reject(new Error("locked")) : other));
  assert.equal(await health.path(), "screenshot-desktop");
  broken = true;
  assert.equal(decodePng(await health.take()).width, 2);
  assert.equal(await health.path(), "gdi");
  broken = false;
  assert.equal(decodePng(await health.take()).width, 3);
  assert.equal(await health.path(), "screenshot-desktop");
});

test("programs that hang cost the time limit once, and are started again when they have ended", async () => {
  const hanging = Promise.withResolvers<Uint8Array>();
  let shot: () => Promise<Uint8Array> = async () => other;
  const { health, calls } = shots(() => shot(), 50);
  await health.path();
  shot = () => hanging.promise;
  assert.equal(decodePng(await health.take()).width, 2);
  assert.equal(decodePng(await health.take()).width, 2);
  assert.equal(calls(), 2);
  shot = async () => other;
  hanging.reject(new Error("killed"));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(decodePng(await health.take()).width, 3);
});
