// In which order waiting runs go. Pure.

import { begun, type Shares, served, startTag } from "./fair-share.ts";
import type { RouteId } from "./names.ts";
import type { WaitingRun } from "./placement.ts";
import type { Route } from "./route.ts";

const rank = (run: WaitingRun) => (run.purpose === "verify" ? 0 : 1);

/** What goes before fairness: purpose, front, priority. */
const urgency = (a: WaitingRun, b: WaitingRun) => rank(a) - rank(b) || b.front - a.front || b.priority - a.priority;
const inLine = (a: WaitingRun, b: WaitingRun) => urgency(a, b) || (a.id < b.id ? -1 : 1);

export interface Head {
  readonly caller: string;
  readonly run: WaitingRun;
  /** The start tag of its caller. */
  readonly tag: number;
}

function goesBefore(a: Head, b: Head): boolean {
  const by = urgency(a.run, b.run) || a.tag - b.tag;
  return by === 0 ? a.run.id < b.run.id : by < 0;
}

/** The waiting runs, one by one in the order in which they go. Between callers it hangs on who has been served meanwhile. */
export class Turns {
  /** By caller, the first one last. */
  readonly #waiting: Map<string, WaitingRun[]>;
  /** The first run of each caller but of the one that was asked for, the first one last. */
  readonly #heads: Head[] = [];
  #shares: Shares;
  #asked: string | undefined;

  constructor(queue: readonly WaitingRun[], routes: ReadonlyMap<RouteId, Route>, shares: Shares) {
    const backwards = [...queue].sort((a, b) => inLine(b, a));
    this.#waiting = Map.groupBy(backwards, (run) => routes.get(run.route)?.caller ?? "");
    this.#shares = begun(shares, this.#waiting.keys());
    for (const caller of this.#waiting.keys()) this.#join(caller);
  }

  next(): Head | undefined {
    if (this.#asked !== undefined) this.#join(this.#asked);
    const next = this.#heads.pop();
    this.#asked = next?.caller;
    return next;
  }

  /** The run that was asked for last was placed. */
  served(caller: string): void {
    this.#shares = served(this.#shares, caller);
  }

  #join(caller: string): void {
    const run = this.#waiting.get(caller)?.pop();
    if (run === undefined) return;
    const head = { caller, run, tag: startTag(this.#shares, caller) };
    let [low, high] = [0, this.#heads.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (goesBefore(head, this.#heads[middle] as Head)) low = middle + 1;
      else high = middle;
    }
    this.#heads.splice(low, 0, head);
  }
}
