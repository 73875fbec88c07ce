// Reading what is stored in the registry of Windows.

import { type Handle, systemCalls } from "./system-calls.ts";

/** The predefined handles, sign-extended as on x64. */
export const currentUser: Handle = -0x7fffffff;
export const localMachine: Handle = -0x7ffffffe;

const ofText = 2;
const ofNumber = 0x10;
const textBytesMax = 2048;

/** `undefined` when there is no such value. */
export function textIn(root: Handle, key: string, name: string): string | undefined {
  return read(root, key, name, ofText, textBytesMax)?.toString("utf16le").replace(/\0.*$/s, "");
}

export function numberIn(root: Handle, key: string, name: string): number | undefined {
  return read(root, key, name, ofNumber, 4)?.readUInt32LE(0);
}

function read(root: Handle, key: string, name: string, kind: number, bytesMax: number): Buffer | undefined {
  const data = Buffer.alloc(bytesMax);
  const bytes = new Uint32Array([bytesMax]);
  if (systemCalls().RegGetValueW(root, key, name, kind, null, data, bytes) !== 0) return undefined;
  return data.subarray(0, bytes[0]);
}
