// A simulated desktop: a small world of windows and text, for tests, trials and fleets of hundreds in one process. It is
// called simulated wherever it shows. It keeps the invariants of `desktop.ts`: every input call is made between `admit`
// and `injected`, on the window that the world says is the receiver at that moment, and is told to the world's log.

import { setTimeout as sleep } from "node:timers/promises";
import type { Box, Desktop, DesktopWindow, Frame, InputGate, Point, PointerButton } from "./desktop.ts";
import { UnknownKey } from "./desktop.ts";
import { frameOf, TINY_PNG } from "./simulated-sight.ts";
import type { SimulatedWindow, SimulatedWorld } from "./simulated-world.ts";

const KEYS = new Set([
  ...["enter", "return", "tab", "escape", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown"],
  ...["up", "down", "left", "right", "space", "ctrl", "shift", "alt", "super", "menu"],
  ...Array.from({ length: 24 }, (_, index) => `f${index + 1}`),
]);

/** The desktop of a simulated world. Many can live in one process; each has its own world. */
export function simulatedDesktop(world: SimulatedWorld): Desktop {
  return new SimulatedDesktop(world);
}

class SimulatedDesktop implements Desktop {
  readonly platform = "simulated";
  readonly #world: SimulatedWorld;

  constructor(world: SimulatedWorld) {
    this.#world = world;
  }

  async answers(timeoutMs: number) {
    if (this.#world.hung === undefined) return true;
    return Promise.race([this.#world.hung.then(() => true), sleep(timeoutMs, false)]);
  }

  async surface() {
    return this.#world.surface;
  }

  async traits() {
    return { capture: "", dpi: 0, session: "", presence: true } as const;
  }

  foreignInputMsAgo() {
    return this.#world.personMsAgo;
  }

  foreignPresses() {
    return this.#world.personPresses;
  }

  async capture(): Promise<Frame> {
    await this.#answers();
    return frameOf(this.#world);
  }

  /** One grey pixel: a fleet of hundreds must not spend its time on pictures of nothing. */
  async healthScreenshot() {
    return TINY_PNG;
  }

  async windows(): Promise<DesktopWindow[]> {
    await this.#answers();
    return this.#world.windows.map(shown);
  }

  async activeWindow() {
    await this.#answers();
    return this.#active();
  }

  async focus(window: DesktopWindow) {
    return this.#world.raise(window.id);
  }

  async close(window: DesktopWindow) {
    this.#world.closeAsUser(window.id);
  }

  async responsive(window: DesktopWindow, timeoutMs: number) {
    const { frozen } = this.#world.windows.find(({ id }) => id === window.id) ?? { frozen: true };
    if (frozen) await sleep(timeoutMs);
    return !frozen;
  }

  async processes() {
    return this.#world.processes();
  }

  async launch(command: readonly string[]) {
    return this.#world.launch(command);
  }

  async endProcess(pid: number, force: boolean) {
    this.#world.endProcess(pid, force);
  }

  async type(text: string, gate: InputGate) {
    for (const character of text) {
      const key = character === "\n" ? "enter" : character === "\t" ? "tab" : character;
      await this.#call(gate, "key", () => this.#active(), key);
    }
  }

  async press(chord: string, gate: InputGate) {
    const keys = chord.toLowerCase().split("+");
    for (const key of keys) if (!KEYS.has(key) && Array.from(key).length !== 1) throw new UnknownKey(key);
    await this.#call(gate, "chord", () => this.#active(), keys.join("+"));
  }

  async move(to: Point, gate: InputGate) {
    await this.#call(gate, "move", () => this.#under(to));
  }

  async click(at: Point, _button: PointerButton, count: number, gate: InputGate) {
    await this.move(at, gate);
    for (let click = 0; click < count; click++) await this.#call(gate, "button", () => this.#under(at));
  }

  async drag(from: Point, to: Point, gate: InputGate) {
    await this.move(from, gate);
    await this.#call(gate, "button", () => this.#under(from));
    await this.#call(gate, "move", () => this.#under(to));
  }

  async scroll(at: Point, dx: number, dy: number, gate: InputGate) {
    await this.move(at, gate);
    for (let notch = 0; notch < Math.abs(dx) + Math.abs(dy); notch++) {
      await this.#call(gate, "wheel", () => this.#under(at));
    }
  }

  async readClipboard() {
    return this.#world.clipboard;
  }

  async writeClipboard(text: string) {
    this.#world.clipboard = text;
  }

  async stop() {}

  /** One input call, as `desktop.ts` demands it. */
  async #call(
    gate: InputGate,
    kind: "key" | "chord" | "move" | "button" | "wheel",
    receiver: () => DesktopWindow | undefined,
    key = "",
  ) {
    if (this.#world.inputLatencyMs > 0) await sleep(this.#world.inputLatencyMs);
    await this.#answers();
    let window: DesktopWindow | undefined;
    do {
      await gate.ready();
      window = receiver();
    } while (!gate.admit(window));
    this.#world.receive(kind, window?.id, key);
    gate.injected();
  }

  /** A world that hangs answers nothing until it is let go. */
  async #answers(): Promise<void> {
    if (this.#world.hung !== undefined) await this.#world.hung;
  }

  #active(): DesktopWindow | undefined {
    const active = this.#world.active;
    return active && shown(active);
  }

  #under({ x, y }: Point): DesktopWindow | undefined {
    const inside = ({ box }: { box: Box }) =>
      x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;
    const window = this.#world.windows.findLast(inside);
    return window && shown(window);
  }
}

const shown = ({ id, title, process, pid, box, modal, dialog }: SimulatedWindow): DesktopWindow => ({
  ...{ id, title, process, pid, box, modal, dialog },
  className: process,
});
