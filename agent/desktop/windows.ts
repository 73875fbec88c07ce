// The real Windows desktop: user32, gdi32 and their kin through koffi. The parts are in `windows/`, one file per capability;
// this file joins them behind the interface.
//
// Must run in the interactive session of the person (or robot) whose desktop it drives: elsewhere `surface()` says
// NO_SESSION. Windows of programs with higher rights can be seen, and take no input. What keeps check and input call together
// is in `windows/guarded-input.ts`.

import type { Desktop, DesktopWindow, InputGate, Point, PointerButton } from "./desktop.ts";
import { endProgram } from "./ending.ts";
import { HealthScreenshots } from "./health-screenshots.ts";
import { launchProgram } from "./launching.ts";
import { libraryShot } from "./library-shot.ts";
import { captureScreen, NoPicture } from "./windows/capture.ts";
import { Clipboard } from "./windows/clipboard.ts";
import { giveForeground } from "./windows/focus.ts";
import { ForeignInput } from "./windows/foreign-input.ts";
import { GuardedInput } from "./windows/guarded-input.ts";
import { Keyboard } from "./windows/keyboard.ts";
import { Pointer } from "./windows/pointer.ts";
import { listProcesses } from "./windows/processes.ts";
import { keyboardReceiver } from "./windows/receivers.ts";
import { dotsPerInch, seeRealPixels } from "./windows/resolution.ts";
import { answers } from "./windows/responsiveness.ts";
import { readSessionFacts } from "./windows/session-facts.ts";
import { type Picture, surfaceOf } from "./windows/surface.ts";
import { SystemPulse } from "./windows/system-pulse.ts";
import { loadWin32, type Win32 } from "./windows/win32.ts";
import { listWindows, windowHandle } from "./windows/windows.ts";

export interface WindowsOptions {
  /** What launched programs inherit; by default this process's environment. */
  readonly env?: NodeJS.ProcessEnv;
}

const closeMessage = 0x10;

/** Opens the desktop of this process's session; there is no connection that could be lost. */
export async function openWindowsDesktop(options: WindowsOptions = {}): Promise<Desktop> {
  const win32 = loadWin32();
  seeRealPixels(win32);
  return new WindowsDesktop(win32, options.env ?? process.env);
}

/** Used after it was stopped. */
export class DesktopStopped extends Error {
  override readonly name = "DesktopStopped";
}

class WindowsDesktop implements Desktop {
  readonly platform = "windows";
  readonly #win32: Win32;
  readonly #env: NodeJS.ProcessEnv;
  readonly #pulse: SystemPulse;
  readonly #foreignInput: ForeignInput;
  readonly #input: GuardedInput;
  readonly #keyboard: Keyboard;
  readonly #pointer: Pointer;
  readonly #clipboard: Clipboard;
  readonly #healthScreenshots: HealthScreenshots;
  /** Input calls of two callers never mix: each waits for the end of the one before. */
  #turn: Promise<unknown> = Promise.resolve();
  #stopped = false;

  constructor(win32: Win32, env: NodeJS.ProcessEnv) {
    this.#win32 = win32;
    this.#env = env;
    this.#pulse = new SystemPulse(win32);
    this.#foreignInput = new ForeignInput(win32);
    this.#input = new GuardedInput(win32, this.#foreignInput);
    this.#keyboard = new Keyboard(win32, this.#input);
    this.#pointer = new Pointer(win32, this.#input);
    this.#clipboard = new Clipboard(win32);
    this.#healthScreenshots = new HealthScreenshots({
      independent: libraryShot,
      own: () => captureScreen(win32),
      ownPath: "gdi",
    });
  }

  answers(timeoutMs: number) {
    return this.#pulse.answers(timeoutMs);
  }

  async surface() {
    return surfaceOf(readSessionFacts(this.#win32), () => this.#picture());
  }

  async traits() {
    const { seenBy } = readSessionFacts(this.#win32);
    return {
      capture: await this.#healthScreenshots.path(),
      dpi: dotsPerInch(this.#win32),
      session: seenBy === "unknown" ? "" : seenBy,
      presence: true,
    } as const;
  }

  foreignInputMsAgo() {
    return this.#foreignInput.msAgo();
  }

  foreignPresses() {
    return this.#foreignInput.seen();
  }

  async capture() {
    this.#running();
    return captureScreen(this.#win32);
  }

  async healthScreenshot() {
    this.#running();
    return this.#healthScreenshots.take();
  }

  async windows() {
    this.#running();
    return listWindows(this.#win32);
  }

  async activeWindow() {
    this.#running();
    return keyboardReceiver(this.#win32);
  }

  async focus(window: DesktopWindow, timeoutMs: number) {
    this.#running();
    return giveForeground(this.#win32, this.#input, windowHandle(window), timeoutMs);
  }

  async close(window: DesktopWindow) {
    this.#running();
    this.#win32.PostMessageW(windowHandle(window), closeMessage, 0, 0);
  }

  async responsive(window: DesktopWindow, timeoutMs: number) {
    this.#running();
    return answers(this.#win32, windowHandle(window), timeoutMs);
  }

  async processes() {
    return listProcesses(this.#win32);
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

  async readClipboard() {
    this.#running();
    return this.#clipboard.read();
  }

  async writeClipboard(text: string) {
    this.#running();
    return this.#clipboard.write(text);
  }

  async stop() {
    this.#stopped = true;
    await this.#turn;
  }

  #running(): void {
    if (this.#stopped) throw new DesktopStopped("the desktop is stopped");
  }

  #picture(): Picture {
    try {
      const { width, height, rgba } = captureScreen(this.#win32);
      const words = new Uint32Array(rgba.buffer, rgba.byteOffset, rgba.byteLength / 4);
      const black = words.every((word) => (word & 0xffffff) === 0);
      return { is: black ? "black" : "shown", width, height };
    } catch (error) {
      if (error instanceof NoPicture) return { is: "denied" };
      throw error;
    }
  }

  async #inTurn<T>(input: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => {
      this.#running();
      return input();
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }
}
