// A program whose output a test reads while it runs, such as a client that holds a stream open.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { until } from "./product.ts";

export class Followed {
  out = "";
  err = "";
  /** Once it has ended. */
  code: number | undefined;
  readonly #kill: () => void;
  readonly #closed: Promise<unknown>;

  constructor(program: string, args: readonly string[], input: string | Uint8Array = "") {
    // A group of its own: what `buf` starts would outlive it, and hold the pipes.
    const child = spawn(program, args, { stdio: "pipe", detached: true });
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      this.out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.err += text;
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    this.#kill = () => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    };
    this.#closed = once(child, "close").then(([code]) => {
      this.code = code ?? -1;
    });
  }

  /** Waits for what it prints. */
  async says(pattern: RegExp): Promise<void> {
    await until(`it says ${pattern}`, () => {
      if (pattern.test(this.out)) return true;
      if (this.code !== undefined) throw new Error(`it ended with ${this.code}: ${this.err || this.out}`);
      return false;
    });
  }

  /** Waits for its end. */
  async end(timeoutMs: number): Promise<this> {
    return await until("the program's end", () => (this.code === undefined ? undefined : this), timeoutMs);
  }

  async stop(): Promise<void> {
    if (this.code === undefined) this.#kill();
    await this.#closed;
  }
}
