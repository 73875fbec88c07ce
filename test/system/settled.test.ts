// Runs that are cut off inside their commit step, on real desktops: what verify steps find out is what is on the disk, both ways;
// and what nobody can find out is UNKNOWN (G4).

import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CutOff } from "../support/cut-off.ts";
import { cleanup, mousepad, neverDone, noteIs, noteWorkflow, verify } from "../support/notes.ts";
import { killProcess, type Product, startProduct, until } from "../support/product.ts";

/** Stays inside its commit step, which opens a new document, until something ends it; and has no verify. */
const opens = (name: string, timeout: string) => `
workflow: ${name}
application: mousepad
steps:
  - { id: open, press: ctrl+n, effect: commit, guard: none, done: { window: no such window }, timeout: ${timeout} }
${cleanup}`;

let product: Product;

before(async () => {
  product = await startProduct({ machines: 3, applications: ["mousepad"], allowExec: noteIs });
  await product.put(
    mousepad,
    noteWorkflow("saves", { done: neverDone }) + cleanup + verify,
    noteWorkflow("freezes") + cleanup + verify,
    opens("is.cancelled", "30s"),
    opens("times.out", "4s"),
  );
});

after(() => product?.stop());

describe("a run that is cut off inside its commit step", { concurrency: true }, () => {
  test("has succeeded if its note is on the disk: verify finds it there, after the machine was cleaned up", async () => {
    const path = join(product.dir, "there.txt");
    const run = await CutOff.at(product, "save", "saves", { path, text: "it is there" });
    await until("the note is saved", () => existsSync(path) && statSync(path).size > 0);
    run.killAgent();
    await run.succeeds();
    assert.equal(readFileSync(path, "utf8"), "it is there");
    assert.equal(await run.end(), "SUCCEEDED AFTER_COMMIT");
    const { machine } = run;
    const done = [`attempt on ${machine}`, `upkeep on ${machine}`, `verify on ${machine}`];
    assert.deepEqual(await run.attempts(), done);
    const found = (await run.events()).flatMap((event) => (event.kind === "VERIFIED" ? [event.verification] : []));
    assert.deepEqual(found, ["HELD"]);
  });

  test("is done again elsewhere if its note is not on the disk, which is then written once", async (t) => {
    const path = join(product.dir, "absent.txt");
    const run = await CutOff.at(product, "steps[9]", "freezes", { path, text: "written once" });
    // It takes no key any more, so that the commit cannot take hold.
    const pid = await run.freezeEditor(t);
    await run.reaches("save");
    run.killAgent();
    killProcess(pid);
    await run.succeeds();
    assert.equal(readFileSync(path, "utf8"), "written once");
    const { machine } = run;
    const [last, ...before] = (await run.attempts()).reverse();
    assert.deepEqual(before.reverse(), [`attempt on ${machine}`, `upkeep on ${machine}`, `verify on ${machine}`]);
    assert.match(last ?? "", /^attempt on vm-/);
    assert.notEqual(last, `attempt on ${machine}`);
    const found = (await run.events()).flatMap((event) => (event.kind === "VERIFIED" ? [event.verification] : []));
    assert.deepEqual(found, ["NOT_HELD"]);
  });

  test("is UNKNOWN if nobody can find out, and is not tried again: by a cancel", async () => {
    const run = await CutOff.at(product, "open", "is.cancelled");
    const hasArrived = async () => (await run.windows()).some(({ title }) => title === "Untitled 2 - Mousepad");
    await until("the key has arrived", hasArrived);
    await run.run.cancel();
    assert.equal(await run.end(), "UNKNOWN UNKNOWN");
    assert.deepEqual(await run.attempts(), [`attempt on ${run.machine}`]);
  });

  test("is UNKNOWN if nobody can find out, and is not tried again: by its step's time-out", async () => {
    const run = await CutOff.at(product, "open", "times.out");
    assert.equal(await run.end(), "UNKNOWN UNKNOWN");
    assert.deepEqual(await run.attempts(), [`attempt on ${run.machine}`]);
  });
});
