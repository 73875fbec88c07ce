// The machine's exclusive lock: proof that no earlier incarnation of this boot is alive. It is two: a lock on a file of the
// state directory, and a name on the machine itself, because a directory can be copied and its copy can be locked again.
// The kernel holds both for the life of the process, so that a killed agent lets go of them at once and a living one cannot
// lose them.

import { closeSync, openSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import koffi from "koffi";
import type { Held, TryLock } from "../host.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;

/** flock(2) on `agent.lock`, and the machine's name. Node opens files close-on-exec, so no program that the agent starts inherits the lock. */
export function fileLock(): TryLock {
  const flock = koffi.load("libc.so.6").func("flock", "int", ["int", "int"]);
  return async (stateDir, machineId) => {
    const file = openSync(join(stateDir, "agent.lock"), "a", 0o600);
    const name = flock(file, LOCK_EX | LOCK_NB) === 0 ? await takeName(machineId) : undefined;
    if (name === undefined) {
      closeSync(file);
      return undefined;
    }
    return {
      release() {
        name.release();
        closeSync(file);
      },
    };
  };
}

/** An abstract Unix socket (unix(7)): no file, one owner in a network namespace, gone with its process. */
function takeName(machineId: string): Promise<Held | undefined> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen(`\0drover-agent-${machineId}`, () => {
      server.unref();
      resolve({ release: () => server.close() });
    });
  });
}
