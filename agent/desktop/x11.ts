// The real X11 desktop: Xlib and XTest through koffi, screenshot-desktop for health screenshots.
// The parts are in `x11/`, one file per capability; this file joins them behind the interface.
//
// Needs a window manager that speaks EWMH (openbox, xfwm4, mutter, kwin): without one `surface()` says NO_SESSION, and
// what concerns windows throws `NoWindowManager`. A lost X server makes every call throw `DesktopLost`; open a new one.

import { setTimeout as pause } from "node:timers/promises";
import type { Desktop, DesktopWindow, InputGate, Point, PointerButton } from "./desktop.ts";
import { endProgram } from "./ending.ts";
import { HealthScreenshots } from "./health-screenshots.ts";
import { launchProgram } from "./launching.ts";
import { captureScreen } from "./x11/capture.ts";
import { Clipboard } from "./x11/clipboard.ts";
import { Connection } from "./x11/connection.ts";
import { ForeignInput } from "./x11/foreign-input.ts";
import { GuardedInput } from "./x11/guarded-input.ts";
import { shootByOtherPrograms } from "./x11/health-screenshot.ts";
import { Keyboard } from "./x11/keyboard.ts";
import { Pointer } from "./x11/pointer.ts";
import { listProcesses } from "./x11/processes.ts";
import { keyboardReceiver } from "./x11/receivers.ts";
import { answersPing } from "./x11/responsiveness.ts";
import { ServerPulse } from "./x11/server-pulse.ts";
import { readSurface } from "./x11/surface.ts";
import { describe, listWindows, requireWindowManager, windowNumber } from "./x11/windows.ts";

export interface X11Options {
  /** For example `:1`; by default the environment's. */
  readonly display?: string;
  /** What launched programs inherit; by default this process's environment. DISPLAY is set in any case. */
  readonly env?: NodeJS.ProcessEnv;
}

const focusPollMs = 10;
/** The window manager acts for a person's tool (a pager), not for an application that pushes itself forward. */
const sourcePager = 2;

/** Connects to an X server; rejects with `DesktopLost` if none answers. */
export async function openX11Desktop(options: X11Options = {}): Promise<Desktop> {
  const display = options.display ?? process.env["DISPLAY"] ?? "";
  return new X11Desktop(new Connection(display), { ...(options.env ?? process.env), DISPLAY: display });
}

class X11Desktop implements Desktop {
  readonly platform = "x11";
  readonly #connection: Connection;
  readonly #env: NodeJS.ProcessEnv;
  readonly #pulse: ServerPulse;
  readonly #foreignInput: ForeignInput;
  readonly #keyboard: Keyboard;
  readonly #pointer: Pointer;
  readonly #clipboard: Clipboard;
  readonly #healthScreenshots: HealthScreenshots;
  /** Input calls of two callers never mix: each waits for the end of the one before. */
  #input: Promise<unknown> = Promise.resolve();
  #stopping: Promise<void> | undefined;

  constructor(connection: Connection, env: NodeJS.ProcessEnv) {
    this.#connection = connection;
    this.#env = env;
    this.#pulse = new ServerPulse(connection.name);
    this.#foreignInput = ForeignInput.on(connection);
    const input = new GuardedInput(connection, this.#foreignInput);
    this.#keyboard = new Keyboard(connection, input);
    this.#pointer = new Pointer(connection, input);
    this.#clipboard = new Clipboard(connection);
    this.#healthScreenshots = new HealthScreenshots({
      independent: () => shootByOtherPrograms(connection.name),
      own: () => captureScreen(connection),
      ownPath: "xlib",
    });
  }

  answers(timeoutMs: number) {
    return this.#pulse.answers(timeoutMs);
  }

  async surface() {
    return readSurface(this.#connection);
  }

  async traits() {
    this.#connection.alive();
    // A resolution that X servers tell is mostly made up (96 whatever the screen).
    const presence = this.#foreignInput.told;
    return { capture: await this.#healthScreenshots.path(), dpi: 0, session: "x11", presence } as const;
  }

  foreignInputMsAgo() {
    return this.#foreignInput.msAgo();
  }

  foreignPresses() {
    return this.#foreignInput.presses();
  }

  async capture() {
    return captureScreen(this.#connection);
  }

  healthScreenshot() {
    return this.#healthScreenshots.take();
  }

  async windows() {
    this.#connection.alive();
    return listWindows(this.#connection);
  }

  async activeWindow() {
    this.#connection.alive();
    const active = keyboardReceiver(this.#connection);
    this.#connection.alive();
    return active;
  }

  async focus(window: DesktopWindow, timeoutMs: number) {
    this.#connection.alive();
    requireWindowManager(this.#connection);
    this.#connection.askWindowManager(windowNumber(window), "_NET_ACTIVE_WINDOW", [sourcePager, 0, 0]);
    const deadline = performance.now() + timeoutMs;
    while ((await this.activeWindow())?.id !== window.id) {
      if (performance.now() >= deadline || !describe(this.#connection, windowNumber(window))) return false;
      await pause(focusPollMs);
    }
    return true;
  }

  async close(window: DesktopWindow) {
    this.#connection.alive();
    requireWindowManager(this.#connection);
    this.#connection.askWindowManager(windowNumber(window), "_NET_CLOSE_WINDOW", [0, sourcePager]);
  }

  async responsive(window: DesktopWindow, timeoutMs: number) {
    this.#connection.alive();
    return answersPing(this.#connection.name, windowNumber(window), timeoutMs);
  }

  async processes() {
    return listProcesses(this.#connection.name);
  }

  launch(command: readonly string[], options: { readonly cwd?: string; readonly env?: Record<string, string> }) {
    const { cwd, env } = options;
    return launchProgram(command, { ...(cwd === undefined ? {} : { cwd }), env: { ...this.#env, ...env } });
  }

  async endProcess(pid: number, force: boolean) {
    endProgram(pid, force);
  }

  type(text: string, gate: InputGate) {
    return this.#inTurn(() => this.#keyboard.type(text, gate));
  }

  press(chord: string, gate: InputGate) {
    return this.#inTurn(() => this.#keyboard.press(chord, gate));
  }

  move(to: Point, gate: InputGate) {
    return this.#inTurn(() => this.#pointer.move(to, gate));
  }

  click(at: Point, button: PointerButton, count: number, gate: InputGate) {
    return this.#inTurn(() => this.#pointer.click(at, button, count, gate));
  }

  drag(from: Point, to: Point, gate: InputGate) {
    return this.#inTurn(() => this.#pointer.drag(from, to, gate));
  }

  scroll(at: Point, dx: number, dy: number, gate: InputGate) {
    return this.#inTurn(() => this.#pointer.scroll(at, dx, dy, gate));
  }

  readClipboard() {
    return this.#clipboard.read();
  }

  async writeClipboard(text: string) {
    this.#clipboard.write(text);
  }

  stop() {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop() {
    this.#pulse.stop();
    this.#clipboard.stop();
    await this.#keyboard.release();
    this.#connection.close();
  }

  async #inTurn<T>(input: () => Promise<T>): Promise<T> {
    const turn = this.#input.then(() => {
      this.#connection.alive();
      // Changes of the keyboard's mapping send events to everyone; unread ones would pile up.
      this.#clipboard.pump();
      return input();
    });
    this.#input = turn.catch(() => {});
    return turn;
  }
}
