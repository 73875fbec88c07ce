// What Windows says of this process's rights and of the plan for power. `undefined`: it does not say.

import koffi from "koffi";

const thisProcess = -1;
const tokenQuery = 8;
const tokenElevation = 20;

export function isElevated(): boolean | undefined {
  const security = koffi.load("advapi32.dll");
  const openToken = security.func("int OpenProcessToken(intptr_t, uint32_t, _Out_ intptr_t *)");
  const askToken = security.func("int GetTokenInformation(intptr_t, int, void *, uint32_t, _Out_ uint32_t *)");
  const close = koffi.load("kernel32.dll").func("int CloseHandle(intptr_t)");
  const token = [0];
  if (openToken(thisProcess, tokenQuery, token) === 0) return undefined;
  try {
    const answer = Buffer.alloc(4);
    return askToken(token[0], tokenElevation, answer, answer.length, [0]) === 0
      ? undefined
      : answer.readUInt32LE(0) > 0;
  } finally {
    close(token[0]);
  }
}

/** A GUID's first three parts are numbers, little-endian in memory. */
function guid(text: string): Buffer {
  const [first = "", second = "", third = "", ...rest] = text.split("-");
  const turned = [first, second, third].map((part) => Buffer.from(part, "hex").reverse());
  return Buffer.concat([...turned, Buffer.from(rest.join(""), "hex")]);
}

/** GUID_SLEEP_SUBGROUP and GUID_STANDBY_TIMEOUT. */
const sleepSettings = guid("238c9fa8-0aad-41ed-83f4-97be242c8f20");
const standbyTimeout = guid("29f6c1db-86da-48c5-9fdb-f2b67b1f44da");

/** On mains, by the active plan; 0 is never. */
export function sleepsAfterSeconds(): number | undefined {
  const free = koffi.load("kernel32.dll").func("intptr_t LocalFree(intptr_t)");
  const plan = [0];
  const seconds = [0];
  try {
    const power = koffi.load("powrprof.dll");
    const activePlan = power.func("uint32_t PowerGetActiveScheme(void *, _Out_ intptr_t *)");
    const readSetting = power.func(
      "uint32_t PowerReadACValueIndex(void *, intptr_t, void *, void *, _Out_ uint32_t *)",
    );
    if (activePlan(null, plan) !== 0) return undefined;
    return readSetting(null, plan[0], sleepSettings, standbyTimeout, seconds) === 0 ? seconds[0] : undefined;
  } catch {
    // A Windows without plans for power has no such functions.
    return undefined;
  } finally {
    free(plan[0]);
  }
}
