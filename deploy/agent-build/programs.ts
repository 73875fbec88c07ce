// The programs that the build starts. A build that is told to stop ends them all: what waits for them fails, and so every
// `finally` of the build takes its unfinished files away.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

const stopping = new AbortController();

/** Starts a program without a shell; rejects when it fails, or when the build is told to stop. */
export function run(program: string, args: readonly string[], options: { readonly cwd?: string } = {}) {
  return promisify(execFile)(program, args, { ...options, signal: stopping.signal });
}

/** What a program writes, as bytes. */
export async function output(program: string, args: readonly string[], bytesMax: number): Promise<Buffer> {
  const options = { encoding: "buffer", maxBuffer: bytesMax, signal: stopping.signal } as const;
  return (await promisify(execFile)(program, args, options)).stdout;
}

/** Once SIGINT or SIGTERM comes, the programs end. Resolves `work`, or ends this process by that signal after it. */
export async function stoppable<T>(work: () => Promise<T>): Promise<T> {
  const stop = (signal: NodeJS.Signals) => stopping.abort(signal);
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.once(signal, stop);
  try {
    return await work();
  } finally {
    for (const signal of signals) process.off(signal, stop);
    if (stopping.signal.aborted) process.kill(process.pid, stopping.signal.reason as NodeJS.Signals);
  }
}
