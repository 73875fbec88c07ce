// The world behind a simulated desktop: windows, text, files, a clipboard and faults. Applications are small objects
// that react to keys. Whoever makes the world may look into it and change it at any time.

import type { Box, DesktopProcess, Surface } from "./desktop.ts";

export interface SimulatedWindow {
  readonly id: string;
  readonly process: string;
  readonly pid: number;
  readonly box: Box;
  readonly modal: boolean;
  readonly dialog: boolean;
  title: string;
  /** What is written in it; lines are found by `simulatedSight`. */
  text: string;
  /** Does not answer its window system, and swallows input. */
  frozen: boolean;
}

/** One input call that arrived. Keys are recorded because nothing real is ever typed here. */
export interface InputEntry {
  readonly machine: string;
  readonly at: number;
  readonly kind: "key" | "chord" | "move" | "button" | "wheel";
  /** Name of the executable whose window received it; empty when none did. */
  readonly receiver: string;
  readonly key: string;
}

export interface SimulatedApplication {
  /** Name of its executable. */
  readonly process: string;
  /** Opens its first window; called by `launch`. */
  start(world: SimulatedWorld, pid: number, command: readonly string[]): void;
  /** A key (a character, `enter`, `tab`) or a chord (`ctrl+s`) arrived in one of its windows. */
  key?(world: SimulatedWorld, window: SimulatedWindow, key: string): void;
  /** A window's close button was used. By default the window closes. */
  close?(world: SimulatedWorld, window: SimulatedWindow): void;
}

export interface WorldOptions {
  readonly machine: string;
  readonly applications: readonly SimulatedApplication[];
  /** Time that each input call takes. */
  readonly inputLatencyMs?: number;
  /** Time between `launch` and the first window. */
  readonly launchMs?: number;
  readonly log?: (entry: InputEntry) => void;
  readonly now?: () => number;
}

export const SCREEN: Surface = { is: "present", width: 1280, height: 800 };

export class SimulatedWorld {
  readonly machine: string;
  inputLatencyMs: number;
  launchMs: number;
  surface: Surface = SCREEN;
  clipboard = "";
  /** How long ago a person used the mouse; undefined when nobody did. */
  personMsAgo: number | undefined;
  /** How many keys and buttons a person pressed. */
  personPresses = 0;
  /** While set, the desktop answers nothing. */
  hung: Promise<void> | undefined;
  /** The topmost last. */
  windows: SimulatedWindow[] = [];
  /** Files that applications saved: what, and how often. */
  readonly files = new Map<string, { text: string; saves: number }>();
  readonly #applications: readonly SimulatedApplication[];
  readonly #log: (entry: InputEntry) => void;
  readonly #now: () => number;
  readonly #running = new Map<number, string>();
  #lastNumber = 1000;

  constructor({
    machine,
    applications,
    inputLatencyMs = 0,
    launchMs = 0,
    log = () => {},
    now = Date.now,
  }: WorldOptions) {
    this.machine = machine;
    this.inputLatencyMs = inputLatencyMs;
    this.launchMs = launchMs;
    this.#applications = applications;
    this.#log = log;
    this.#now = now;
  }

  get active(): SimulatedWindow | undefined {
    return this.windows.at(-1);
  }

  processes(): DesktopProcess[] {
    return [...this.#running].map(([pid, name]) => ({ pid, name, memoryBytes: 50 * 1024 * 1024 }));
  }

  launch(command: readonly string[]): number {
    const name = command[0]?.split("/").at(-1) ?? "";
    const application = this.#applications.find(({ process }) => process === name);
    if (application === undefined) throw new Error("no such program in this simulated world");
    const pid = ++this.#lastNumber;
    this.#running.set(pid, name);
    const begin = () => this.#running.has(pid) && application.start(this, pid, command);
    if (this.launchMs > 0) setTimeout(begin, this.launchMs).unref();
    else begin();
    return pid;
  }

  /** Ends a program and its windows, as a crash would. */
  kill(process: string): void {
    for (const [pid, name] of this.#running) if (name === process) this.#running.delete(pid);
    this.windows = this.windows.filter((window) => window.process !== process);
  }

  /** Ends one process and its windows. One that is frozen has to be forced. */
  endProcess(pid: number, force: boolean): void {
    if (!force && this.windows.some((window) => window.pid === pid && window.frozen)) return;
    this.#running.delete(pid);
    this.windows = this.windows.filter((window) => window.pid !== pid);
  }

  /** Opens a window on top, active. A window of a program that nobody launched makes that program run. */
  open(window: Partial<SimulatedWindow> & { readonly title: string; readonly process: string }) {
    const pid = window.pid ?? ++this.#lastNumber;
    this.#running.set(pid, window.process);
    const { box = { x: 100, y: 100, width: 600, height: 400 }, modal = false, dialog = modal, text = "" } = window;
    const opened: SimulatedWindow = {
      ...{ id: `${++this.#lastNumber}`, title: window.title, process: window.process, pid, box, modal, dialog, text },
      frozen: false,
    };
    this.windows.push(opened);
    return opened;
  }

  remove(id: string): void {
    this.windows = this.windows.filter((window) => window.id !== id);
  }

  raise(id: string): boolean {
    const window = this.windows.find((candidate) => candidate.id === id);
    if (window === undefined) return false;
    this.windows = [...this.windows.filter((candidate) => candidate !== window), window];
    return true;
  }

  closeAsUser(id: string): void {
    const window = this.windows.find((candidate) => candidate.id === id);
    if (window === undefined || window.frozen) return;
    const application = this.#applications.find(({ process }) => process === window.process);
    if (application?.close !== undefined) application.close(this, window);
    else this.remove(id);
  }

  /** An input call arrived. */
  receive(kind: InputEntry["kind"], windowId: string | undefined, key: string): void {
    const window = this.windows.find(({ id }) => id === windowId);
    this.#log({ machine: this.machine, at: this.#now(), kind, receiver: window?.process ?? "", key });
    if (window === undefined || window.frozen) return;
    if (kind === "button") this.raise(window.id);
    if (kind !== "key" && kind !== "chord") return;
    const application = this.#applications.find(({ process }) => process === window.process);
    if (application?.key !== undefined) application.key(this, window, key);
    else if (Array.from(key).length === 1) window.text += key;
    else if (key === "enter") window.text += "\n";
  }
}
