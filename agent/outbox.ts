// Results that the server has not acknowledged, and the last one of the attempt in hand, which may be asked for again.
//
// 1. A result leaves only when it is acknowledged or its attempt is forgotten; it is never dropped for room.
// 2. At most `RESULTS_MAX` wait; when that many do, no further command is taken up.

import type { Result } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";

export const RESULTS_MAX = 64;

export class Outbox {
  readonly #waiting = new Map<string, Result>();
  #last: Result | undefined;

  /** False when there is no room (2). */
  add(result: Result): boolean {
    const key = keyOf(result.attemptId, result.number);
    if (this.full && !this.#waiting.has(key)) return false;
    this.#waiting.set(key, result);
    this.#last = result;
    return true;
  }

  get full(): boolean {
    return this.#waiting.size >= RESULTS_MAX;
  }

  acknowledged(attemptId: string, number: number): void {
    this.#waiting.delete(keyOf(attemptId, number));
  }

  /** The result of a command that is done, also when it has been acknowledged but is still the last one. */
  find(attemptId: string, number: number): Result | undefined {
    if (this.#last?.attemptId === attemptId && this.#last.number === number) return this.#last;
    return this.#waiting.get(keyOf(attemptId, number));
  }

  forget(attemptId: string): void {
    for (const [key, result] of this.#waiting) if (result.attemptId === attemptId) this.#waiting.delete(key);
    if (this.#last?.attemptId === attemptId) this.#last = undefined;
  }

  /** In the order in which they came. */
  unacknowledged(): Result[] {
    return [...this.#waiting.values()];
  }
}

const keyOf = (attemptId: string, number: number) => `${number} ${attemptId}`;
