// The Windows desktop keeps the contract on real windows, and what only Windows has. Runs in a Windows process, on a desktop
// of 1280 by 800 (windows-executable.test.ts).

import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { DesktopWindow } from "../../../agent/desktop/desktop.ts";
import { readSessionFacts } from "../../../agent/desktop/windows/session-facts.ts";
import { loadWin32 } from "../../../agent/desktop/windows/win32.ts";
import { desktopContract } from "./contract.ts";
import { gate } from "./gates.ts";
import { until } from "./until.ts";
import { untilStill } from "./until-still.ts";
import { openWindowsRig, type WindowsRig } from "./windows-rig.ts";

desktopContract("the Windows desktop", openWindowsRig);

describe("on Windows", () => {
  let rig: WindowsRig;
  const win32 = loadWin32();
  before(async () => {
    rig = await openWindowsRig();
  });
  after(() => rig.stop());

  /** Runs `work` with a focused editor on `text`. */
  async function withEditor(text: string, work: (window: DesktopWindow, pid: number) => Promise<void>): Promise<void> {
    const file = join(rig.dir, "note.txt");
    writeFileSync(file, rig.editor.fileOf(text));
    const pid = await rig.desktop.launch(rig.editor.command(file), { cwd: rig.dir });
    const listed = async () => (await rig.desktop.windows()).find((window) => window.pid === pid);
    const showing = async () => {
      const window = await listed();
      return window?.title.includes("note.txt") && window;
    };
    try {
      const window = await until("the editor is shown", showing);
      assert.ok(await rig.desktop.focus(window, 5_000));
      await untilStill(rig.desktop, window);
      await work(window, pid);
    } finally {
      rig.endProcess(pid);
      await until("the editor is gone", async () => (await listed()) === undefined);
      rmSync(file);
    }
  }

  test("the facts of the session are read, and what Windows does not tell is unknown", async () => {
    const { session, station, inputDesktop, connection, lock } = readSessionFacts(win32);
    assert.deepEqual({ session, station, inputDesktop }, { session: 1, station: "visible", inputDesktop: "default" });
    // Wine keeps no sessions that could be locked or closed.
    assert.deepEqual({ connection, lock }, { connection: "unknown", lock: "unknown" });
    assert.deepEqual(await rig.desktop.surface(), { is: "present", width: 1280, height: 800 });
  });

  test("a desktop without .NET takes its health screenshots in process, and tells its resolution and session", async () => {
    assert.deepEqual(await rig.desktop.traits(), { capture: "gdi", dpi: 96, session: "console", presence: true });
  });

  test("a caps lock that was left on turns neither the case of a text nor that of a chord", () =>
    withEditor("", async (window) => {
      await rig.desktop.press("capslock", gate());
      await rig.desktop.type("Ab é", gate());
      await rig.desktop.press("Q", gate());
      await rig.desktop.press("shift+a", gate());
      await until("it is all there", () => rig.textOf(window).length === 6);
      assert.equal(rig.textOf(window), "Ab éQA");
    }));

  test("two clicks of two steps at one place are no double click", () =>
    withEditor("one two", async (window) => {
      const inFirstWord = { x: window.box.x + 12, y: window.box.y + 26 };
      await rig.desktop.click(inFirstWord, "left", 1, gate());
      await rig.desktop.click(inFirstWord, "left", 1, gate());
      await rig.desktop.type("X", gate());
      await until("it is typed", () => rig.textOf(window).includes("X"));
      assert.equal(rig.textOf(window).replace("X", ""), "one two", "a double click would have selected a word");
    }));

  test("a minimised window has no extent, and is shown again when it gets the focus", () =>
    withEditor("", async (window) => {
      const again = async () => (await rig.desktop.windows()).find(({ id }) => id === window.id);
      const minimise = 6;
      win32.ShowWindowAsync(Number(window.id), minimise);
      await until("it is minimised", async () => (await again())?.box.width === 0);
      assert.ok(await rig.desktop.focus(window, 5_000));
      assert.deepEqual((await again())?.box, window.box);
    }));

  test("a dialog is told as itself, modal, and takes the place of its window as receiver", () =>
    withEditor("", async (window, pid) => {
      await rig.desktop.type("x", gate());
      await rig.desktop.press("alt+f", gate());
      await rig.desktop.press("a", gate());
      const dialog = await until("the dialog is active", async () => {
        const active = await rig.desktop.activeWindow();
        return active?.id !== window.id && active?.pid === pid ? active : undefined;
      });
      assert.deepEqual([dialog.modal, dialog.dialog], [true, true]);
      assert.notEqual(dialog.title, "");
      const asked = gate();
      await rig.desktop.press("escape", asked);
      assert.equal(asked.receivers[0]?.id, dialog.id);
      await until("the dialog is gone", async () => (await rig.desktop.activeWindow())?.id === window.id);
    }));

  test("an open menu belongs to its window, and the bare desktop to nobody", () =>
    withEditor("", async (window) => {
      await rig.desktop.press("alt+f", gate());
      await untilStill(rig.desktop, window);
      const asked = gate();
      await rig.desktop.move({ x: window.box.x + 20, y: window.box.y + 60 }, asked);
      await rig.desktop.move({ x: 1270, y: 790 }, asked);
      assert.deepEqual(
        asked.receivers.map((receiver) => receiver?.id),
        [window.id, undefined],
      );
      await rig.desktop.press("escape", gate());
    }));

  test("a program that stands still holds up no question about its window", () =>
    withEditor("", async (window, pid) => {
      rig.suspend(pid);
      try {
        const before = performance.now();
        assert.ok((await rig.desktop.windows()).some(({ title }) => title === window.title));
        assert.equal((await rig.desktop.activeWindow())?.title, window.title);
        await rig.desktop.close(window);
        assert.ok(performance.now() - before < 2_000);
      } finally {
        rig.resume(pid);
      }
    }));
});
