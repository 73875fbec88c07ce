// Simulated callers of the API: each asks for one order, again and with the same idempotency key until somebody says yes; some
// ask two replicas at once, some change their mind.

import { cancelRun } from "../../server/engine/cancelling.ts";
import { startRun } from "../../server/engine/starting.ts";
import type { Instant, RunId, TenantId } from "../../server/rules/names.ts";
import type { Calls } from "./calls.ts";
import type { Chance } from "./chance.ts";
import { calendarAt } from "./process.ts";
import type { Entry } from "./record.ts";
import type { Schedule } from "./schedule.ts";

export interface CallersOptions {
  readonly schedule: Schedule;
  readonly chance: Chance;
  readonly calls: Calls;
  readonly tenantId: TenantId;
  readonly workflows: readonly string[];
  readonly log: (entry: Entry) => void;
  readonly cancelRate: number;
  /** Part of the runs that are not to begin before a later time. */
  readonly laterRate: number;
  /** Part of the runs that have less time than they need. */
  readonly hurryRate: number;
}

/** One who asks for many at a time, and others. */
const names = { burst: "ann", others: ["ann", "bob", "cyd", "dan"] };

export class Callers {
  readonly #options: CallersOptions;
  /** Runs that somebody said yes to, the newest last. */
  readonly accepted: RunId[] = [];
  /** Orders that nobody has said yes to yet. */
  readonly open = new Set<string>();

  constructor(options: CallersOptions) {
    this.#options = options;
  }

  /** Asks for `count` orders, spread over a time; a third of them come from one caller, and nearly at once. */
  ask(count: number, overMs: number): void {
    const { schedule, chance } = this.#options;
    const burstMs = chance.next() * overMs * 0.7;
    for (let number = 1; number <= count; number++) {
      const order = `n${number}`;
      this.open.add(order);
      const [caller, atMs] =
        number % 3 === 0
          ? [names.burst, burstMs + chance.next() * 1_000]
          : [chance.pick(names.others), chance.next() * overMs];
      schedule.in(undefined, atMs, () => this.#begin(order, caller));
    }
  }

  #begin(order: string, caller: string): void {
    const { schedule, chance, hurryRate, laterRate, workflows, log } = this.#options;
    const hurried = chance.happens(hurryRate);
    const notBefore = chance.happens(laterRate) ? schedule.now + chance.between(500, 8_000) : 0;
    log({ at: schedule.now, is: "asked", order, caller, notBefore });
    const request = {
      workflow: chance.pick(workflows),
      workflowVersion: 0,
      caller,
      inputs: { order },
      idempotencyKey: `key ${order}`,
      priority: chance.pick([0, 0, 0, 5, -5]),
      ...(notBefore > 0 && { notBefore: calendarAt(notBefore) as Instant }),
      ...(hurried ? { timeoutMs: chance.between(500, 4_000), queueTimeoutMs: chance.between(1_000, 20_000) } : {}),
    };
    this.#start(order, request);
    if (chance.happens(0.1)) this.#start(order, request);
  }

  #start(order: string, request: Parameters<typeof startRun>[2]): void {
    const { schedule, chance, calls, tenantId } = this.#options;
    if (!this.open.has(order)) return;
    calls.call(
      (context) => startRun(context, tenantId, request),
      (answer) => {
        if (!answer.ok) {
          schedule.failure ??= new Error(`a start was refused: ${answer.refusal.reason}`);
        } else if (this.open.delete(order)) this.#accepted(order, answer.value.runId);
      },
      () => schedule.in(undefined, chance.between(50, 1_000), () => this.#start(order, request)),
    );
  }

  #accepted(order: string, run: RunId): void {
    const { schedule, chance, cancelRate, log } = this.#options;
    log({ at: schedule.now, is: "accepted", order, run });
    this.accepted.push(run);
    if (chance.happens(cancelRate)) {
      schedule.in(undefined, chance.mostlyShort(0, 20_000), () => this.#cancel(run, 5));
    }
  }

  #cancel(run: RunId, triesLeft: number): void {
    const { schedule, calls, tenantId, log } = this.#options;
    calls.call(
      (context) => cancelRun(context, tenantId, run),
      () => log({ at: schedule.now, is: "cancelled", run }),
      () => {
        if (triesLeft > 1) this.#cancel(run, triesLeft - 1);
      },
    );
  }
}
