// What goes wrong in a simulation, and what operators do, at times and in places that the seed chooses. Each seed has some kinds of faults and not
// others, and few or many of them: so that every kind is also met alone, where nothing else hides what it does.

import type { Chance } from "./chance.ts";
import type { SimulatedPostgres } from "./database.ts";
import { ledgerProcess } from "./ledger.ts";
import type { SimulatedMachine } from "./machine.ts";
import type { Network } from "./network.ts";
import type { Operators } from "./operators.ts";
import type { Pause } from "./process.ts";
import type { Entry } from "./record.ts";
import type { SimulatedReplica } from "./replica.ts";
import type { Schedule } from "./schedule.ts";
import type { Wakeups } from "./wakeups.ts";

export const faultKinds = [
  "agent killed",
  "machine crashed",
  "agent stopped",
  "machine suspended",
  "machine stunned",
  "line cut upwards",
  "line cut downwards",
  "line cut",
  "stream dead upwards",
  "stream dead downwards",
  "application killed",
  "application frozen",
  "window in the way",
  "desktop hung",
  "machine updated",
  "machine poisoned",
  "person at the mouse",
  "machine halted",
  "workflow, application, pool or tenant halted",
  "machine cordoned",
  "machine drained",
  "machine released",
  "workflow, application or pool paused",
  "workflow or application limited",
  "run moved to the front",
  "replica killed",
  "replica's host gone",
  "replica restarted",
  "replica stopped",
  "replica cut off from Postgres",
  "Postgres restarted",
  "all replicas killed",
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface FaultsOptions {
  readonly schedule: Schedule;
  readonly chance: Chance;
  readonly network: Network;
  readonly postgres: SimulatedPostgres;
  readonly wakeups: Wakeups;
  readonly replicas: readonly SimulatedReplica[];
  readonly machines: readonly SimulatedMachine[];
  readonly operators: Operators;
  readonly log: (entry: Entry) => void;
  /** These kinds, often, and no others. Otherwise the seed chooses. */
  readonly only: readonly FaultKind[] | undefined;
}

/** A fault that began: where ("" is everywhere), and for how long. */
interface Struck {
  readonly on: string;
  readonly durationMs: number;
}

/** Undefined: nothing went wrong, operators did something. */
type Strike = () => Struck | undefined;

export class Faults {
  readonly #options: FaultsOptions;
  readonly #kinds: readonly (readonly [string, Strike])[];
  readonly #everyMs: number;

  constructor(options: FaultsOptions) {
    const { chance, only } = options;
    this.#options = options;
    const all = Object.entries(this.#all());
    if (only !== undefined) {
      this.#kinds = all.filter(([kind]) => only.some((wanted) => wanted === kind));
      this.#everyMs = 1_000;
      return;
    }
    const share = chance.pick([0.07, 0.4]);
    const some = all.filter(() => chance.happens(share));
    this.#kinds = some.length === 0 ? [chance.pick(all)] : some;
    this.#everyMs = chance.pick([700, 2_000, 6_000]);
  }

  /** Strikes now and then until `overAt`. */
  begin(overAt: number): void {
    const { schedule, chance, log } = this.#options;
    if (this.#kinds.length === 0) return;
    schedule.in(undefined, -Math.log(1 - chance.next()) * this.#everyMs, () => {
      if (schedule.now > overAt) return;
      const [what, strike] = chance.pick(this.#kinds);
      const struck = strike();
      if (struck !== undefined) {
        log({ at: schedule.now, is: "fault", what, on: struck.on, until: schedule.now + struck.durationMs });
      }
      this.begin(overAt);
    });
  }

  #all(): Readonly<Record<FaultKind, Strike>> {
    const { schedule, chance, network, postgres, wakeups, replicas, operators } = this.#options;
    const later = (durationMs: number, work: () => void) => schedule.in(undefined, durationMs, work);
    const on = (machine: SimulatedMachine, durationMs: number): Struck => ({ on: machine.name, durationMs });
    const everywhere = (durationMs: number): Struck => ({ on: "", durationMs });
    const paused = (how: Pause): Strike => this.#atMachine((machine, durationMs) => machine.pause(how, durationMs));
    const cut = (...sides: ("up" | "down")[]): Strike =>
      this.#atMachine(({ name }, durationMs) => {
        for (const side of sides) network.lineOf(name).blockedUntil[side] = schedule.now + durationMs;
      });
    const halfDead =
      (side: "up" | "down"): Strike =>
      () => {
        const machine = this.#machine();
        network.halfKill(machine.name, side);
        return on(machine, 0);
      };
    const atReplica =
      (strike: (replica: SimulatedReplica, durationMs: number) => void): Strike =>
      () => {
        const durationMs = this.#durationMs();
        strike(chance.pick(replicas), durationMs);
        return everywhere(durationMs);
      };
    const operated = (operate: (machine: SimulatedMachine, durationMs: number) => void) => () => {
      operate(this.#machine(), this.#durationMs());
      return undefined;
    };
    return {
      "agent killed": this.#atMachine((machine, durationMs) => {
        machine.kill();
        later(durationMs, () => machine.start());
      }),
      "machine crashed": this.#atMachine((machine, durationMs) => {
        machine.crash();
        later(durationMs, () => machine.start());
      }),
      "agent stopped": paused("stopped"),
      "machine suspended": paused("suspended"),
      "machine stunned": paused("stunned"),
      "line cut upwards": cut("up"),
      "line cut downwards": cut("down"),
      "line cut": cut("up", "down"),
      "stream dead upwards": halfDead("up"),
      "stream dead downwards": halfDead("down"),
      "application killed": () => {
        const machine = this.#machine();
        machine.world.kill(ledgerProcess);
        return on(machine, 0);
      },
      "application frozen": this.#atMachine((machine, durationMs) => machine.freeze(durationMs)),
      "window in the way": this.#atMachine(({ world }, durationMs) => {
        const window = world.open({ title: "News", process: "stranger" });
        later(durationMs, () => world.remove(window.id));
      }),
      "desktop hung": this.#atMachine(({ world }, durationMs) => {
        if (world.hung !== undefined) return;
        const hanging = Promise.withResolvers<void>();
        world.hung = hanging.promise;
        later(durationMs, () => {
          world.hung = undefined;
          hanging.resolve();
        });
      }),
      "machine updated": this.#atMachine((machine, durationMs) => {
        machine.kill();
        machine.update();
        later(durationMs, () => machine.start());
      }),
      // Nobody sees that anything is wrong but by what fails.
      "machine poisoned": operated((machine, durationMs) => machine.poison(3 * durationMs)),
      "person at the mouse": this.#atMachine((machine, durationMs) => machine.person(durationMs, chance.happens(0.5))),
      "machine halted": operated((machine, durationMs) => operators.haltMachine(machine, durationMs)),
      "workflow, application, pool or tenant halted": operated((_, durationMs) => operators.haltMore(durationMs)),
      "machine cordoned": operated((machine, durationMs) => operators.cordon(machine, durationMs)),
      "machine drained": operated((machine, durationMs) => operators.drain(machine, durationMs)),
      "machine released": () => {
        const machine = this.#machine();
        operators.release(machine);
        return on(machine, 0);
      },
      "workflow, application or pool paused": operated((_, durationMs) => operators.pause(durationMs)),
      "workflow or application limited": operated((_, durationMs) => operators.limit(2 * durationMs)),
      "run moved to the front": operated(() => operators.moveToFront()),
      "replica killed": atReplica((replica, durationMs) => {
        replica.kill("closing");
        later(durationMs, () => replica.start());
      }),
      "replica's host gone": atReplica((replica, durationMs) => {
        replica.kill("silently");
        later(durationMs, () => replica.start());
      }),
      "replica restarted": atReplica((replica, durationMs) => {
        replica.stop();
        later(3_000 + durationMs, () => {
          replica.kill("closing");
          replica.start();
        });
      }),
      "replica stopped": atReplica((replica, durationMs) => replica.process?.pause("stopped", durationMs)),
      "replica cut off from Postgres": atReplica((replica, durationMs) => {
        if (replica.process !== undefined) postgres.cutOff(replica.process, durationMs);
      }),
      "Postgres restarted": () => {
        const durationMs = chance.mostlyShort(200, 10_000);
        postgres.restart(durationMs);
        later(durationMs, () => wakeups.wakeAll());
        return everywhere(durationMs);
      },
      "all replicas killed": () => {
        const durationMs = this.#durationMs();
        for (const replica of replicas) replica.kill("closing");
        for (const replica of replicas) later(durationMs + chance.mostlyShort(0, 2_000), () => replica.start());
        return everywhere(durationMs + 2_000);
      },
    };
  }

  /** Rather one that is at work, and best of all at a commit: that is where faults are found. */
  #machine(): SimulatedMachine {
    const { chance, machines, schedule } = this.#options;
    const committing = machines.filter(({ lastCommitAt }) => schedule.now - lastCommitAt < 1_500);
    if (committing.length > 0 && chance.happens(0.4)) return chance.pick(committing);
    const working = machines.filter(({ lastInputAt }) => schedule.now - lastInputAt < 500);
    return chance.pick(working.length > 0 && chance.happens(0.7) ? working : machines);
  }

  #atMachine(strike: (machine: SimulatedMachine, durationMs: number) => void): Strike {
    return () => {
      const machine = this.#machine();
      const durationMs = this.#durationMs();
      strike(machine, durationMs);
      return { on: machine.name, durationMs };
    };
  }

  /** Around every deadline that there is: a moment, a beat or two, the agent's stop, takeover, and far beyond. */
  #durationMs(): number {
    const { chance } = this.#options;
    const [least, most] = chance.pick([
      [50, 1_500],
      [1_500, 7_000],
      [7_000, 16_000],
      [9_000, 40_000],
    ] as const);
    return chance.between(least, most);
  }
}
