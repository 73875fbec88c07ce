// The machine's key is encrypted by Windows' data protection (DPAPI) for the agent's user on this machine: a copy of the
// state directory is of no use elsewhere. No question is ever shown on the desktop.

import koffi from "koffi";
import type { KeyProtection } from "../host.ts";
import { NativeMemory } from "./native-memory.ts";
import { systemCalls } from "./system-calls.ts";

const CRYPTPROTECT_UI_FORBIDDEN = 1;
const BLOB_BYTES = 16;
const BLOB_ADDRESS_AT = 8;

export const keyProtection: KeyProtection = {
  field: "protectedMachineKey",
  protect(key) {
    const made = converted(Buffer.from(key, "utf8"), (given, result) =>
      systemCalls().CryptProtectData(given, null, null, null, null, CRYPTPROTECT_UI_FORBIDDEN, result),
    );
    if (made === undefined) throw new Error("Windows' data protection does not work for this user");
    return made.toString("base64");
  },
  reveal(kept) {
    const found = converted(Buffer.from(kept, "base64"), (given, result) =>
      systemCalls().CryptUnprotectData(given, null, null, null, null, CRYPTPROTECT_UI_FORBIDDEN, result),
    );
    return found?.toString("utf8");
  },
  // What protects it is not the file's mode.
  shownByMode: () => false,
};

/** From one DATA_BLOB (a length and an address) to another one, which Windows makes and we free. */
function converted(content: Buffer, convert: (given: Buffer, result: Buffer) => number): Buffer | undefined {
  if (content.length === 0) return undefined;
  const memory = new NativeMemory();
  try {
    const given = Buffer.alloc(BLOB_BYTES);
    given.writeUInt32LE(content.length, 0);
    given.writeBigUInt64LE(memory.copy(content).address, BLOB_ADDRESS_AT);
    const result = Buffer.alloc(BLOB_BYTES);
    if (convert(given, result) === 0) return undefined;
    const at = result.readBigUInt64LE(BLOB_ADDRESS_AT);
    const bytes = Buffer.from(new Uint8Array(koffi.view(at, result.readUInt32LE(0))));
    systemCalls().LocalFree(at);
    return bytes;
  } finally {
    memory.free();
  }
}
