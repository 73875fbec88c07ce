// Gates for tests: they let through, remember and refuse.

import type { DesktopWindow, InputGate } from "../../../agent/desktop/desktop.ts";

export class Refused extends Error {
  override readonly name = "Refused";
}

export interface RecordingGate extends InputGate {
  /** Who was asked about, one entry per input call, refused ones included. */
  readonly receivers: (DesktopWindow | undefined)[];
  /** How many calls reached the desktop. */
  injectedCalls(): number;
}

/** Admits every receiver that `allowed` accepts; `before` runs ahead of each call. */
export function gate(
  allowed: (receiver: DesktopWindow | undefined, call: number) => boolean = () => true,
  before: (call: number) => Promise<void> | void = () => {},
): RecordingGate {
  const receivers: (DesktopWindow | undefined)[] = [];
  let injected = 0;
  return {
    receivers,
    injectedCalls: () => injected,
    ready: async () => before(receivers.length + 1),
    admit(receiver) {
      receivers.push(receiver);
      if (!allowed(receiver, receivers.length)) throw new Refused("the gate refused this call");
      return true;
    },
    injected() {
      injected++;
    },
  };
}
