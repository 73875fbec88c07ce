// What only an X11 desktop can be put through: lockers, black screens, foreign menus, a lost server, no window manager.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Connection } from "../../../agent/desktop/x11/connection.ts";
import { KeyboardLayout } from "../../../agent/desktop/x11/keyboard-layout.ts";
import { DesktopLost } from "../../../agent/desktop/x11/server-loss.ts";
import { NoWindowManager } from "../../../agent/desktop/x11/windows.ts";
import { openX11Desktop } from "../../../agent/desktop/x11.ts";
import { gate, Refused } from "./gates.ts";
import { showUnmanagedWindow } from "./unmanaged-window.ts";
import { until } from "./until.ts";
import { openX11Rig, type X11Rig } from "./x11-rig.ts";

let rig: X11Rig;
before(async () => {
  rig = await openX11Rig();
});
after(() => rig.stop());

const screen = { width: 1280, height: 800 };

/** An editor with the focus, on an empty file. */
async function withEditor(work: (file: string, saved: () => Promise<string>) => Promise<void>): Promise<void> {
  const file = join(rig.dir, "note.txt");
  writeFileSync(file, "");
  const pid = await rig.desktop.launch(rig.editor.command(file), {});
  const title = async () => (await rig.desktop.windows()).find((window) => window.pid === pid)?.title;
  try {
    const window = await until("the editor is shown", async () =>
      (await rig.desktop.windows()).find((shown) => shown.pid === pid),
    );
    assert.ok(await rig.desktop.focus(window, 5_000));
    await work(file, async () => {
      await until("the text is changed", async () => (await title())?.startsWith("*"));
      await rig.desktop.press("ctrl+s", gate());
      await until("it is saved", async () => (await title())?.startsWith("*") === false);
      return readFileSync(file, "utf8").replace(/\n$/, "");
    });
  } finally {
    rig.endProcess(pid);
    await until("the editor is gone", async () => (await rig.desktop.windows()).length === 0);
  }
}

test("an empty desktop is present; a black cover makes it blank; one that holds the keyboard, locked", async () => {
  assert.deepEqual(await rig.desktop.surface(), { is: "present", ...screen });
  const cover = showUnmanagedWindow(rig.session.display, screen);
  assert.deepEqual(await rig.desktop.surface(), { is: "absent", cause: "BLANK" });
  cover.grabKeyboard();
  assert.deepEqual(await rig.desktop.surface(), { is: "absent", cause: "LOCKED" });
  cover.close();
  assert.deepEqual(await rig.desktop.surface(), { is: "present", ...screen });
});

test("a small window that holds the keyboard, as menus do, locks nothing", async () => {
  const popup = showUnmanagedWindow(rig.session.display, { width: 200, height: 200 });
  popup.grabKeyboard();
  assert.equal((await rig.desktop.surface()).is, "present");
  popup.close();
});

test("keys go into an application's own menu", () =>
  withEditor(async (_, saved) => {
    await rig.desktop.type("first", gate());
    const inMenu = gate((receiver) => receiver?.process === "mousepad");
    await rig.desktop.press("alt+e", inMenu); // Edit
    await rig.desktop.press("a", inMenu); // Select All
    await rig.desktop.type("second", gate());
    assert.equal(await saved(), "second");
  }));

test("an open menu of another program is named as the receiver of keys and clicks", () =>
  withEditor(async () => {
    const type = "_NET_WM_WINDOW_TYPE_POPUP_MENU";
    const menu = showUnmanagedWindow(rig.session.display, { width: 50, height: 50, type, pid: process.pid });
    const onlyEditor = gate((receiver) => receiver?.process === "mousepad");
    await assert.rejects(rig.desktop.type("x", onlyEditor), Refused);
    await assert.rejects(rig.desktop.click({ x: 640, y: 400 }, "left", 1, onlyEditor), Refused);
    assert.deepEqual(
      onlyEditor.receivers.map((receiver) => receiver?.pid),
      [process.pid, process.pid],
    );
    menu.close();
  }));

test("the popup under the pointer is told with its program, and the bare desktop as nobody", () =>
  withEditor(async () => {
    const asked = gate();
    await rig.desktop.move({ x: 3, y: 790 }, asked);
    assert.equal(asked.receivers[0], undefined);
    const tip = showUnmanagedWindow(rig.session.display, { width: 50, height: 50, pid: process.pid });
    await rig.desktop.move({ x: 20, y: 20 }, asked);
    assert.equal(asked.receivers[1]?.pid, process.pid);
    tip.close();
  }));

test("while the agent types and clicks fast, each key of another program is told, and nothing else (G14)", () =>
  withEditor(async () => {
    const { desktop, session } = rig;
    const other = new Connection(session.display);
    const keycode = 38; // The key of `a`, which the agent types as well.
    let strikes = 0;
    /** As another program would, at its own pace: nothing waits for it to arrive. */
    const shared = gate(undefined, (call) => {
      if (call % 7 !== 0) return;
      strikes++;
      other.x.XTestFakeKeyEvent(other.display, keycode, 1, 0);
      other.x.XTestFakeKeyEvent(other.display, keycode, 0, 0);
      other.x.XFlush(other.display);
    });
    const before = desktop.foreignPresses();
    const point = { x: 640, y: 400 };
    await desktop.type("a".repeat(200), shared);
    await desktop.click(point, "left", 2, shared);
    await desktop.scroll(point, 0, 20, shared);
    await desktop.type("banana".repeat(20), shared);
    other.answered();
    assert.ok(strikes > 40);
    assert.equal(desktop.foreignPresses() - before, strikes);
    other.close();
  }));

test("a caps lock that was left on does not turn the case of a text", () =>
  withEditor(async (_, saved) => {
    await rig.desktop.press("capslock", gate());
    await rig.desktop.type("Ab é", gate());
    assert.equal(await saved(), "Ab é");
  }));

test("sixty plain characters are typed in less than 150 ms, and a capture takes less than 40 ms", () =>
  withEditor(async () => {
    const fastest = async (work: () => Promise<unknown>) => {
      const times: number[] = [];
      for (let round = 0; round < 5; round++) {
        const start = performance.now();
        await work();
        times.push(performance.now() - start);
      }
      return Math.min(...times);
    };
    const typing = await fastest(() =>
      rig.desktop.type("the quick brown fox jumps over the lazy dog, then it sleeps. ", gate()),
    );
    assert.ok(typing < 150, `${typing} ms`);
    const capture = await fastest(() => rig.desktop.capture());
    assert.ok(capture < 40, `${capture} ms`);
  }));

test("a stopped desktop gives back the keycodes that it borrowed, and those of a killed one are found again", () =>
  withEditor(async () => {
    const connection = new Connection(rig.session.display);
    const free = new KeyboardLayout(connection).spares().length;
    const other = await openX11Desktop({ display: rig.session.display });
    await other.type("ŵŷ", gate());
    const borrowing = new KeyboardLayout(connection);
    assert.ok(borrowing.borrowed().length >= 2);
    assert.equal(borrowing.spares().length, free, "a borrowed keycode can be borrowed again");
    const before = borrowing.borrowed().length;
    await other.stop();
    assert.equal(new KeyboardLayout(connection).borrowed().length, before - 2);
    connection.close();
  }));

test("a desktop that is stopped refuses everything, twice stopped is stopped", async () => {
  const other = await openX11Desktop({ display: rig.session.display });
  await other.stop();
  await other.stop();
  await assert.rejects(other.capture(), DesktopLost);
  await assert.rejects(other.type("x", gate()), DesktopLost);
});

test("no server on the display is told at once", () =>
  assert.rejects(openX11Desktop({ display: ":987654" }), DesktopLost));

test("without a window manager there is no session, and no list of windows", async () => {
  const bare = await openX11Rig();
  const manager = (await bare.desktop.processes()).find(
    ({ pid, name }) => name === "openbox" && readFileSync(`/proc/${pid}/environ`, "latin1").includes(bare.dir),
  );
  assert.ok(manager);
  process.kill(manager.pid);
  await until("the window manager is gone", async () => (await bare.desktop.surface()).is === "absent");
  assert.deepEqual(await bare.desktop.surface(), { is: "absent", cause: "NO_SESSION" });
  await assert.rejects(bare.desktop.windows(), NoWindowManager);
  await bare.stop();
});

test("a server that goes away makes every call reject, and ends no process", async () => {
  const doomed = await openX11Rig();
  await doomed.desktop.writeClipboard("held");
  await doomed.session.stop();
  assert.deepEqual(await doomed.desktop.surface(), { is: "absent", cause: "UNREACHABLE" });
  for (const call of [
    () => doomed.desktop.capture(),
    () => doomed.desktop.windows(),
    () => doomed.desktop.activeWindow(),
    () => doomed.desktop.type("x", gate()),
    () => doomed.desktop.click({ x: 1, y: 1 }, "left", 1, gate()),
    () => doomed.desktop.writeClipboard("x"),
    () => doomed.desktop.readClipboard(),
  ]) {
    await assert.rejects(call, DesktopLost);
  }
  await doomed.desktop.stop();
});
