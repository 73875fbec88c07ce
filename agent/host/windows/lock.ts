// The machine's exclusive lock: proof that no earlier incarnation of this boot is alive. It is two: a file of the state
// directory that is open to nobody else, and a mutex of the machine's id, because a directory can be copied and its copy can
// be opened again. The mutex is global: it is seen from every session of the machine. The kernel holds both for the life of
// the process, so that a killed agent lets go of them at once and a living one cannot lose them; no program that the agent
// starts inherits them.

import { closeSync, openSync } from "node:fs";
import { join, toNamespacedPath } from "node:path";
import type { TryLock } from "../host.ts";
import { takeMutex } from "./mutex.ts";
import { INVALID_HANDLE, systemCalls } from "./system-calls.ts";

const GENERIC_WRITE = 0x40000000;
const SHARED_WITH_NOBODY = 0;
const OPEN_ALWAYS = 4;
const FILE_ATTRIBUTE_NORMAL = 0x80;

export function fileLock(): TryLock {
  const { CreateFileW, CloseHandle } = systemCalls();
  return async (stateDir, machineId) => {
    const path = join(stateDir, "agent.lock");
    if (!canBeOpened(path)) return undefined;
    const file = CreateFileW(
      toNamespacedPath(path),
      GENERIC_WRITE,
      SHARED_WITH_NOBODY,
      null,
      OPEN_ALWAYS,
      FILE_ATTRIBUTE_NORMAL,
      0,
    );
    if (file === INVALID_HANDLE) return undefined;
    const name = takeMutex(`Global\\drover-agent-${machineId}`, 0);
    if (name === undefined) {
      CloseHandle(file);
      return undefined;
    }
    return {
      release() {
        name.release();
        CloseHandle(file);
      },
    };
  };
}

/** False when another process has it; a file that cannot be opened for any other reason is an error that says which. */
function canBeOpened(path: string): boolean {
  try {
    closeSync(openSync(path, "a"));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EBUSY") return false;
    throw error;
  }
}
