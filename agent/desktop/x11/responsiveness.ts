// Whether an application still takes its events: EWMH's ping, which toolkits answer from their main loop.
//
// The answer goes to the root window, so a connection of its own listens there, for as long as the question lasts.
// An application that does not take part (it does not list _NET_WM_PING) cannot be asked: while its window is there it
// counts as responsive, as there is no evidence of the contrary.

import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import { Connection, type XEvent } from "./connection.ts";
import type { XId } from "./xlib.ts";

const clientMessage = 33;
const substructureNotifyMask = 1 << 19;
/** An application that has nothing to do answers within a millisecond: it is asked about without a pause for so long. */
const soonMs = 3;
const pollMs = 2;
let lastPing = 0;

export async function answersPing(display: string, window: XId, timeoutMs: number): Promise<boolean> {
  const connection = new Connection(display);
  try {
    if (!connection.attributes(window)) return false;
    const ping = connection.atom("_NET_WM_PING");
    if (!connection.numbers(window, "WM_PROTOCOLS").includes(ping)) return true;
    connection.x.XSelectInput(connection.display, connection.root, substructureNotifyMask);
    // Stands where a time stamp belongs, and comes back unchanged: an answer to an older question is not taken for ours.
    lastPing = (lastPing % 0x7fffffff) + 1;
    const number = lastPing;
    connection.tellWindow(window, "WM_PROTOCOLS", [ping, number, window]);
    let answered = false;
    connection.listen((event) => {
      answered ||=
        event.readInt32LE(0) === clientMessage &&
        readData(event, 0) === ping &&
        readData(event, 1) === number &&
        readData(event, 2) === window;
    });
    for (const asked = performance.now(); ; ) {
      connection.takeEvents();
      connection.alive();
      const elapsedMs = performance.now() - asked;
      if (answered || elapsedMs >= timeoutMs) return answered;
      await (elapsedMs < soonMs ? nextTurn() : pause(pollMs));
    }
  } finally {
    connection.close();
  }
}

function readData(event: XEvent, index: number): number {
  return Number(event.readBigInt64LE(56 + index * 8));
}
