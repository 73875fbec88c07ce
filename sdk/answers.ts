// What a call came to: its answer, or one of the SDK's own errors.

import { errorFrom, ServerFault } from "./errors.ts";

/** A call's answer. What it throws is one of errors.ts, or the signal's own reason when the caller aborted. */
export async function answer<T>(call: Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw errorFrom(error);
  }
}

/** The message that every good answer holds. */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new ServerFault(`The server's answer holds no ${what}.`);
  return value;
}
