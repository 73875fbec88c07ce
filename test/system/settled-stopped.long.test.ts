// Runs that are cancelled, time out or expire inside their commit step, on real desktops: with verify steps they are settled to
// what is on the disk, both ways; without, an expired one is UNKNOWN as the others are (G4).

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CutOff } from "../support/cut-off.ts";
import { cleanup, mousepad, noteIs, noteWorkflow, verify } from "../support/notes.ts";
import { type Product, startProduct, until } from "../support/product.ts";

/** Stays inside its commit step. `key`: enter saves the note, escape does not. */
const stopped = (name: string, key: "enter" | "escape", { runS = 120, stepS = 60 } = {}) =>
  noteWorkflow(name, { done: "{ window: no such window }" })
    .replace("{ id: save, press: enter", `{ id: save, press: ${key}`)
    .replace("timeout: 30s }", `timeout: ${stepS}s }`)
    .replace("timeout: 90s", "timeout: 30s")
    .replace("timeout: 5m", `timeout: ${runS}s`) + cleanup;

const times = { cancelled: {}, "times.out": { stepS: 5 }, expires: { runS: 35, stepS: 34 } } as const;
const hows = ["cancelled", "times.out", "expires"] as const;

let product: Product;

before(async () => {
  product = await startProduct({ machines: 3, applications: ["mousepad"], allowExec: noteIs });
  const settled = hows.flatMap((how) =>
    (["enter", "escape"] as const).map((key) => stopped(`${how}.${key}`, key, times[how]) + verify),
  );
  await product.put(mousepad, ...settled, stopped("unverified", "enter", times.expires));
});

after(() => product?.stop());

const ends: Record<(typeof hows)[number], { readonly there: string; readonly absent: string }> = {
  cancelled: { there: "CANCELLED AFTER_COMMIT", absent: "CANCELLED BEFORE_COMMIT" },
  "times.out": { there: "SUCCEEDED AFTER_COMMIT", absent: "FAILED BEFORE_COMMIT" },
  expires: { there: "EXPIRED AFTER_COMMIT", absent: "EXPIRED BEFORE_COMMIT" },
};

describe("a run that is stopped inside its commit step", { concurrency: 3 }, () => {
  for (const how of hows) {
    test(`and ${how.replace(".", " ")} is ${ends[how].there} if its note is on the disk`, async () => {
      const path = join(product.dir, `${how}.there.txt`);
      const run = await CutOff.at(product, "save", `${how}.enter`, { path, text: "it is there" });
      if (how === "cancelled") await until("the note is saved", () => existsSync(path));
      if (how === "cancelled") await run.run.cancel();
      assert.equal(await run.end(), ends[how].there);
      assert.equal(readFileSync(path, "utf8"), "it is there");
      assert.deepEqual(await run.attempts(), [`attempt on ${run.machine}`, `verify on ${run.machine}`]);
    });

    test(`and ${how.replace(".", " ")} is ${ends[how].absent} if it is not`, async () => {
      const path = join(product.dir, `${how}.absent.txt`);
      const run = await CutOff.at(product, "save", `${how}.escape`, { path, text: "it is not" });
      const isClosed = async () => (await run.windows()).every(({ title }) => title !== "Save As");
      if (how === "cancelled") await until("the dialog is closed", isClosed);
      if (how === "cancelled") await run.run.cancel();
      assert.equal(await run.end(), ends[how].absent);
      assert.equal(existsSync(path), false);
      assert.deepEqual(await run.attempts(), [`attempt on ${run.machine}`, `verify on ${run.machine}`]);
    });
  }

  test("and expires is UNKNOWN if nobody can find out, although its note is on the disk", async () => {
    const path = join(product.dir, "unverified.txt");
    const run = await CutOff.at(product, "save", "unverified", { path, text: "it is there" });
    assert.equal(await run.end(), "UNKNOWN UNKNOWN");
    assert.equal(existsSync(path), true);
    assert.deepEqual(await run.attempts(), [`attempt on ${run.machine}`]);
  });
});
