// Somebody else at a machine's screen: programs that the agent knows nothing of, started, looked at and typed into by
// other X clients (wmctrl, xdotool). What a test says of a desktop, it says by this and not by the agent's own eyes.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import type { X11Session } from "../../agent/desktop/x11-session.ts";
import { until } from "./product.ts";

const execute = promisify(execFile);

export interface ShownWindow {
  readonly id: string;
  readonly pid: number;
  readonly title: string;
}

export class Onlooker {
  readonly env: NodeJS.ProcessEnv;
  readonly #started: ChildProcess[] = [];

  constructor(session: X11Session) {
    this.env = { ...session.env, DROVER_TEST_RUN: process.env["DROVER_TEST_RUN"] };
  }

  /** What a small program prints. */
  async ask(program: string, ...args: readonly string[]): Promise<string> {
    return (await execute(program, args, { env: this.env, timeout: 10_000 })).stdout.trim();
  }

  start(program: string, ...args: readonly string[]): ChildProcess {
    const child = spawn(program, args, { env: this.env, stdio: ["ignore", "pipe", "ignore"] });
    this.#started.push(child);
    return child;
  }

  /** Starts a program, and waits for its window to be in front. */
  async show(program: string, ...args: readonly string[]): Promise<ShownWindow> {
    const { pid } = this.start(program, ...args);
    const window = await until(
      `${program} is shown`,
      async () => (await this.windows()).find((w) => w.pid === pid),
      10_000,
    );
    await this.raise(window);
    return window;
  }

  async windows(): Promise<ShownWindow[]> {
    // A window that goes away while it is asked about ends wmctrl; it is asked again.
    const ask = () =>
      this.ask("wmctrl", "-lp").then(
        (list) => ({ list }),
        () => undefined,
      );
    const { list } = await until("wmctrl lists the windows", ask, 5_000);
    const lines = list.split("\n").filter(Boolean);
    return lines.map((line) => {
      const [, id = "", pid = "", title = ""] = /^(\S+) +\S+ +(\S+) +\S+ (.*)$/.exec(line) ?? [];
      return { id, pid: Number(pid), title };
    });
  }

  async titles(): Promise<string[]> {
    return (await this.windows()).map(({ title }) => title);
  }

  async isActive({ id }: ShownWindow): Promise<boolean> {
    return Number((await this.ask("xprop", "-root", "_NET_ACTIVE_WINDOW")).split("# ")[1]) === Number(id);
  }

  /** In front and active, whatever the window manager thinks of focus that is taken. */
  async raise(window: ShownWindow): Promise<void> {
    await this.ask("wmctrl", "-ia", window.id);
    await until(`${window.title} is active`, () => this.isActive(window), 5_000);
  }

  /** Outer place and size. */
  async place({ id }: ShownWindow, box: { x: number; y: number; width: number; height: number }): Promise<void> {
    await this.ask("wmctrl", "-ir", id, "-e", `0,${box.x},${box.y},${box.width},${box.height}`);
  }

  /** Presses chords in a window that is raised first. */
  async press(window: ShownWindow, ...chords: readonly string[]): Promise<void> {
    await this.raise(window);
    await this.ask("xdotool", "key", ...chords);
  }

  async closed(window: ShownWindow): Promise<void> {
    const gone = async () => !(await this.windows()).some(({ id }) => id === window.id);
    await until(`${window.title} is gone`, gone);
  }

  /** Ends the program of a window at once, unsaved work and all. */
  async kill(window: ShownWindow): Promise<void> {
    process.kill(window.pid, "SIGKILL");
    await this.closed(window);
  }

  async stop(): Promise<void> {
    for (const child of this.#started) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
  }
}

/** Processes whose command line has `part` in it. */
export function processesWith(part: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(part);
      } catch {
        return false;
      }
    });
}
