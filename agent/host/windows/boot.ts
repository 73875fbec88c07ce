// Which boot of which system this is.
//
// Windows tells no id of a boot. The agent makes one at random, in a volatile key of its user's part of the registry, which
// is only in memory and is gone when that part is unloaded: at a log-off or a boot, when no process of the user lives any
// more. So whoever reads the same id is on the same machine and the same boot, where the lock of two agents is one lock (G1).
// A new log-on of the user has a new id without a boot: then an agent that died is not told from a silent one, and the
// machine is handed on a little later. A machine that was suspended, or cloned with its memory, has the same id, as on Linux.

import { randomUUID } from "node:crypto";
import { release, version } from "node:os";
import { takeMutex } from "./mutex.ts";
import { systemCalls } from "./system-calls.ts";

const HKEY_CURRENT_USER = 0xffffffff80000001n;
const KEY = "Software\\DroverAgentBoot";
const VALUE = "BootId";
const REG_OPTION_VOLATILE = 1;
const KEY_READ_AND_SET = 0x20019 | 0x2;
const REG_SZ = 1;
const RRF_RT_REG_SZ = 2;
const WITHIN_MS = 1000;

/** Changes when the machine boots, and when the agent's user logs on anew. */
export function bootId(): string {
  // Agents of several machines may live here, and start at once.
  const turn = takeMutex("Local\\drover-agent-boot-id", WITHIN_MS);
  if (turn === undefined) throw new Error("the boot id is kept busy by another process");
  try {
    return kept();
  } finally {
    turn.release();
  }
}

function kept(): string {
  const { RegCreateKeyExW, RegSetValueExW, RegCloseKey } = systemCalls();
  const opened: (number | null)[] = [null];
  const security = null;
  const rights = KEY_READ_AND_SET;
  if (RegCreateKeyExW(HKEY_CURRENT_USER, KEY, 0, null, REG_OPTION_VOLATILE, rights, security, opened, [null]) !== 0) {
    throw new Error("the registry key of the boot id cannot be opened");
  }
  const key = opened[0] ?? 0;
  try {
    const known = read(key);
    if (known !== undefined) return known;
    const made = randomUUID();
    const text = Buffer.from(`${made}\0`, "utf16le");
    if (RegSetValueExW(key, VALUE, 0, REG_SZ, text, text.length) !== 0) throw new Error("the boot id cannot be kept");
    return made;
  } finally {
    RegCloseKey(key);
  }
}

function read(key: number): string | undefined {
  const text = Buffer.alloc(256);
  const bytes = Uint32Array.of(text.length);
  if (systemCalls().RegGetValueW(key, null, VALUE, RRF_RT_REG_SZ, null, text, bytes) !== 0) return undefined;
  return text.toString("utf16le", 0, (bytes[0] ?? 0) - 2);
}

export const operatingSystem = (): string => `${version()} ${release()}`;
