// A named mutex: owned by one process at a time, and free at once when its owner ends, however it ends. Its handle is not
// inheritable, so that no program that the agent starts keeps it.

import type { Held } from "../host.ts";
import { NO_HANDLE, systemCalls } from "./system-calls.ts";

const WAIT_OBJECT_0 = 0;
/** The owner before ended without letting go: the mutex is ours. */
const WAIT_ABANDONED = 0x80;

/** `undefined` when another process has it, or has a mutex of this name that is closed to us. */
export function takeMutex(name: string, waitMs: number): Held | undefined {
  const { CreateMutexW, WaitForSingleObject, ReleaseMutex, CloseHandle } = systemCalls();
  const mutex = CreateMutexW(null, 0, name);
  if (mutex === NO_HANDLE) return undefined;
  const waited = WaitForSingleObject(mutex, waitMs);
  if (waited !== WAIT_OBJECT_0 && waited !== WAIT_ABANDONED) {
    CloseHandle(mutex);
    return undefined;
  }
  return {
    release() {
      ReleaseMutex(mutex);
      CloseHandle(mutex);
    },
  };
}
