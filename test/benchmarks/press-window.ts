// A window that tells when a button is pressed on it (the program xev): the far end of a click, seen by another X client
// than the agent.

import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";

export class PressWindow {
  readonly #program: ChildProcessByStdio<null, Readable, null>;

  /** `env` names the display. */
  constructor(env: Record<string, string>, title: string) {
    const args = ["-event", "button", "-name", title, "-geometry", "400x300+400+250"];
    this.#program = spawn("xev", args, { env, stdio: ["ignore", "pipe", "ignore"] });
    this.#program.stdout.setEncoding("utf8");
  }

  /** xev does not say whose its window is; it is told here, as programs tell it themselves. */
  own(env: Record<string, string>, windowId: string): void {
    const pid = `${this.#program.pid}`;
    const args = ["-id", windowId, "-f", "_NET_WM_PID", "32c", "-set", "_NET_WM_PID", pid];
    const { status } = spawnSync("xprop", args, { env, stdio: "ignore" });
    if (status !== 0) throw new Error("xprop could not mark the window");
  }

  /** Resolves with `performance.now()` at the next press. */
  async pressed(withinMs: number): Promise<number> {
    const signal = AbortSignal.timeout(withinMs);
    for (;;) {
      const [text] = await once(this.#program.stdout, "data", { signal });
      if (`${text}`.includes("ButtonPress")) return performance.now();
    }
  }

  async close(): Promise<void> {
    const ended = once(this.#program, "exit");
    this.#program.kill("SIGTERM");
    await ended;
  }
}
