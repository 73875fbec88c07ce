// Simulated operators: they halt and resume, cordon, drain and uncordon, pause and unpause, set limits, move runs to the front,
// and take machines away from what they do. What they ask for, and when they are answered, is told to the world's log. A target
// of which a call has failed is left alone from then on, because that call may yet take hold.

import type { EngineContext } from "../../server/engine/context.ts";
import { type CordonWanted, cordonMachine, releaseMachine } from "../../server/engine/cordoning.ts";
import { type HaltTarget, halt, resume } from "../../server/engine/halting.ts";
import { removeLimit, setLimit } from "../../server/engine/limiting.ts";
import { moveRunToFront } from "../../server/engine/moving.ts";
import { pause, unpause } from "../../server/engine/pausing.ts";
import type { HaltKind } from "../../server/rules/halt.ts";
import type { MachineId, RunId, TenantId } from "../../server/rules/names.ts";
import { type Answer, accept } from "../../server/rules/refusal.ts";
import type { Calls } from "./calls.ts";
import type { Chance } from "./chance.ts";
import type { SimulatedMachine } from "./machine.ts";
import type { Entry, Stop } from "./record.ts";
import type { Schedule } from "./schedule.ts";

export interface OperatorsOptions {
  readonly schedule: Schedule;
  readonly chance: Chance;
  readonly calls: Calls;
  readonly tenantId: TenantId;
  readonly workflows: readonly string[];
  /** Runs that there are, the newest last. */
  readonly accepted: readonly RunId[];
  readonly log: (entry: Entry) => void;
}

interface StopMore {
  readonly drainMs?: number;
  /** What follows instead of its end. */
  readonly then?: (() => void) | undefined;
}

type Ask = (context: EngineContext) => Promise<Answer<unknown>>;

const by = "an operator";

export class Operators {
  readonly #options: OperatorsOptions;
  /** Targets that something was asked for and is not over, or nobody knows whether it is. */
  readonly #taken = new Set<string>();

  constructor(options: OperatorsOptions) {
    this.#options = options;
  }

  haltMachine(machine: SimulatedMachine, durationMs: number): void {
    this.#halt("machine", machine.name, durationMs);
  }

  /** A workflow, the application, the pool or all of the tenant's. */
  haltMore(durationMs: number): void {
    const { chance, workflows } = this.#options;
    const kind = chance.pick(["workflow", "workflow", "application", "pool", "tenant"] as const);
    const name = { workflow: chance.pick(workflows), application: "ledger", pool: "default", tenant: "" }[kind];
    this.#halt(kind, name, durationMs);
  }

  cordon(machine: SimulatedMachine, durationMs: number): void {
    this.#cordon(machine, { is: "cordon" }, durationMs);
  }

  drain(machine: SimulatedMachine, durationMs: number): void {
    const timeoutMs = this.#options.chance.between(500, 10_000);
    this.#cordon(machine, { is: "drain", timeoutMs }, durationMs, { drainMs: timeoutMs });
  }

  pause(durationMs: number): void {
    const { chance, workflows, tenantId } = this.#options;
    const kind = chance.pick(["workflow", "workflow", "application", "pool"] as const);
    const name = { workflow: chance.pick(workflows), application: "ledger", pool: "default" }[kind];
    this.#stop(
      { stop: "pause", kind, target: name },
      (context) => pause(context, tenantId, { kind, name, reason: "to try it", by }),
      (context) => unpause(context, tenantId, { kind, name, by }),
      durationMs,
    );
  }

  /** Sets a limit, changes it now and then, and removes it. */
  limit(durationMs: number): void {
    const { chance, workflows, tenantId } = this.#options;
    const kind = chance.pick(["workflow", "workflow", "application"] as const);
    const name = kind === "workflow" ? chance.pick(workflows) : "ledger";
    const remove = async (context: EngineContext) => accept(await removeLimit(context, tenantId, { kind, name }));
    const set = (max: number, forMs: number, then?: () => void) =>
      this.#stop(
        { stop: "limit", kind, target: name, max },
        (context) => setLimit(context, tenantId, { kind, name, max, by }),
        remove,
        forMs,
        { then },
      );
    const [first, second] = [chance.between(1, 5), chance.between(0, 5)];
    if (chance.happens(0.5)) set(first, durationMs);
    else set(first, durationMs / 2, () => set(second, durationMs / 2));
  }

  /** One of the newest runs, if it still waits. */
  moveToFront(): void {
    const { schedule, chance, tenantId, accepted, calls, log } = this.#options;
    if (accepted.length === 0) return;
    const run = chance.pick(accepted.slice(-30));
    calls.call(
      (context) => moveRunToFront(context, tenantId, run),
      ({ ok }) => ok && log({ at: schedule.now, is: "moved", run }),
      () => {},
    );
  }

  release(machine: SimulatedMachine): void {
    const { tenantId } = this.#options;
    this.#ask((context) => releaseMachine(context, tenantId, machine.id as MachineId));
  }

  #halt(kind: HaltKind, name: string, durationMs: number): void {
    const { tenantId } = this.#options;
    const target: HaltTarget = { kind, name };
    this.#stop(
      { stop: "halt", kind, target: name },
      (context) => halt(context, tenantId, { ...target, reason: "to try it", by }),
      (context) => resume(context, tenantId, { ...target, by }),
      durationMs,
    );
  }

  #cordon({ id, name }: SimulatedMachine, wanted: CordonWanted, durationMs: number, more: StopMore = {}): void {
    const cordon = (to: CordonWanted) => (context: EngineContext) =>
      cordonMachine(context, this.#options.tenantId, id as MachineId, to);
    this.#stop(
      { stop: "cordon", kind: "machine", target: name },
      cordon(wanted),
      cordon({ is: "uncordon" }),
      durationMs,
      more,
    );
  }

  /** Stops something for a while, unless it is stopped already. */
  #stop(stop: Stop, begin: Ask, end: Ask, durationMs: number, { drainMs, then }: StopMore = {}): void {
    const { schedule, log } = this.#options;
    const target = `${stop.stop} ${stop.kind} ${stop.target}`;
    if (this.#taken.has(target)) return;
    this.#taken.add(target);
    let certain = true;
    const uncertain = () => {
      certain = false;
    };
    this.#ask(begin, () => log({ at: schedule.now, is: "stopped", ...stop, ...(drainMs && { drainMs }) }), uncertain);
    schedule.in(undefined, durationMs, () => {
      log({ at: schedule.now, is: "going on", ...stop });
      if (then !== undefined && certain) {
        this.#taken.delete(target);
        return then();
      }
      const again = () => {
        uncertain();
        this.#ask(end, () => {}, again);
      };
      this.#ask(end, () => certain && this.#taken.delete(target), again);
    });
  }

  #ask(ask: Ask, answered = () => {}, failed = () => {}): void {
    const { schedule, chance, calls } = this.#options;
    calls.call(
      ask,
      (answer) => {
        if (answer.ok) answered();
        else schedule.failure ??= new Error(`an operator was refused: ${answer.refusal.reason}`);
      },
      () => schedule.in(undefined, chance.between(50, 1_000), failed),
    );
  }
}
