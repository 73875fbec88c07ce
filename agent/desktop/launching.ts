// Starting a program on the desktop.

import { spawn } from "node:child_process";

/**
 * Starts a program on its own: it does not end with the agent. It is in a process group of its own, so that the group can be
 * ended as one; on Windows it does not take the agent's console. Resolves with its process id.
 */
export function launchProgram(
  command: readonly string[],
  options: { readonly cwd?: string; readonly env: NodeJS.ProcessEnv },
): Promise<number> {
  const [program, ...args] = command;
  if (program === undefined || program === "") return Promise.reject(new Error("the command to launch is empty"));
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, detached: true, stdio: "ignore" });
    child.once("error", reject);
    child.once("spawn", () => {
      child.unref();
      resolve(child.pid ?? 0);
    });
  });
}
