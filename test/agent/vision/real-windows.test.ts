// Reading and finding on frames of real windows: a calculator's display, menus, a dialog with large letters.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { DesktopWindow } from "../../../agent/desktop/desktop.ts";
import { findImage } from "../../../agent/vision/find-image.ts";
import { findText } from "../../../agent/vision/find-text.ts";
import { createTextReader, type TextReader } from "../../../agent/vision/text-reader.ts";
import { gate } from "../desktop/gates.ts";
import { until } from "../desktop/until.ts";
import { untilStill } from "../desktop/until-still.ts";
import { openX11Rig, type X11Rig } from "../desktop/x11-rig.ts";
import { cut } from "./pictures.ts";

let rig: X11Rig;
let reader: TextReader;

before(async () => {
  rig = await openX11Rig();
  reader = createTextReader();
});
after(async () => {
  await reader.stop();
  await rig.stop();
});

async function withProgram(command: readonly string[], work: (window: () => Promise<DesktopWindow>) => Promise<void>) {
  // Where no window comes up: under a resting pointer, buttons show tips that cover their neighbours.
  await rig.desktop.move({ x: 2, y: 2 }, gate());
  const pid = await rig.desktop.launch(command, {});
  const window = () =>
    until(`${command[0]} is shown`, async () => (await rig.desktop.windows()).find((shown) => shown.pid === pid));
  try {
    assert.ok(await rig.desktop.focus(await window(), 5_000));
    await untilStill(rig.desktop, await window());
    await work(window);
  } finally {
    rig.endProcess(pid);
    await until("it is gone", async () => (await rig.desktop.windows()).length === 0);
  }
}

/** Reads until `wanted` is there: programs draw when they get to it. */
async function untilRead(wanted: string, region?: () => Promise<DesktopWindow>) {
  let last = "";
  return until(`"${wanted}" is read`, async () => {
    const frame = await rig.desktop.capture();
    const read = await reader.read(frame, (await region?.())?.box);
    last = read.text;
    return findText(read.lines, wanted).best && { ...read, frame };
  }).catch((error: Error) => assert.fail(`${error.message}; last read: ${last}`));
}

test("the result of a calculator is read, from its window and from the display alone", () =>
  withProgram(["galculator"], async (window) => {
    await untilRead("sqrt", window);
    await rig.desktop.type("12*34=", gate());
    const { lines } = await untilRead("408", window);
    const display = findText(lines, "408").best?.box;
    assert.ok(display);
    const { box } = await window();
    const row = { x: box.x, y: display.y - 10, width: box.width, height: display.height + 20 };
    assert.equal((await reader.read(await rig.desktop.capture(), row)).text, "408");
  }));

test("a button is found by its picture, and clicking there presses it", () =>
  withProgram(["galculator"], async (window) => {
    const { lines, frame } = await untilRead("sqrt", window);
    for (const key of ["7", "8"]) {
      const box = findText(lines, key).best?.box;
      assert.ok(box, `the key ${key} is read`);
      const template = cut(frame, box.x - 16, box.y - 6, 40, 22);
      const now = await rig.desktop.capture();
      const answer = findImage(now, template);
      assert.equal(answer.ambiguous, false);
      assert.ok(answer.best && Math.abs(answer.best.box.x - (box.x - 16)) <= 1, "the button, not its look-alike");
      await rig.desktop.click({ x: answer.best.box.x + 20, y: answer.best.box.y + 11 }, "left", 1, gate());
    }
    await untilRead("78", window);
  }));

test("the entries of a menu are read, each with its own place", () =>
  withProgram(["mousepad", "--disable-server"], async () => {
    await untilRead("File");
    await rig.desktop.press("alt+f", gate());
    const { lines } = await untilRead("Save As...");
    for (const entry of ["New Window", "Open...", "Print...", "Close Window", "Quit"]) {
      const answer = findText(lines, entry);
      assert.ok(answer.best, `"${entry}" is read`);
      assert.equal(answer.ambiguous, false, entry);
      assert.ok(answer.best.box.height < 25, "one line high");
    }
    assert.equal(findText(lines, "Save").ambiguous, true, "Save, Save As... and Save All");
  }));

test("large letters are read beside small ones", () =>
  withProgram(["zenity", "--info", "--text=<span font='60'>Total 408.75</span>\nsmall print below"], async (window) => {
    const { lines } = await untilRead("small print below", window);
    for (const wanted of ["Total", "408.75", "OK"]) assert.ok(findText(lines, wanted).best, `"${wanted}" is read`);
  }));

test("an empty screen reads as nothing", async () => {
  const white = async () => (await rig.desktop.capture()).rgba.every((value) => value === 255);
  await until("the windows of other tests are wiped off", white);
  assert.deepEqual(await reader.read(await rig.desktop.capture()), { text: "", lines: [] });
});

test("the reader starts again after it was idle, and not after it was stopped", () =>
  withProgram(["zenity", "--info", "--text=still here"], async () => {
    const brief = createTextReader({ idleMs: 1 });
    await untilRead("still here");
    const frame = await rig.desktop.capture();
    const first = await brief.read(frame);
    await until("the idle worker ended", () => brief.running === false);
    assert.deepEqual((await brief.read(frame)).text, first.text);
    await brief.stop();
    await assert.rejects(brief.read(frame), /stopped/);
  }));
