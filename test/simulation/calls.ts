// Calls of the API from outside, by callers and operators: one call of one replica may not arrive, may fail, and its answer may
// be lost. They live outside of all simulated processes.

import type { EngineContext } from "../../server/engine/context.ts";
import type { Chance } from "./chance.ts";
import type { SimulatedReplica } from "./replica.ts";
import type { Schedule } from "./schedule.ts";

const patienceMs = 4_000;

export class Calls {
  readonly #schedule: Schedule;
  readonly #chance: Chance;
  readonly #replicas: readonly SimulatedReplica[];

  constructor(schedule: Schedule, chance: Chance, replicas: readonly SimulatedReplica[]) {
    this.#schedule = schedule;
    this.#chance = chance;
    this.#replicas = replicas;
  }

  /** Of a failed call nobody knows whether it took hold, nor whether it will. */
  call<T>(ask: (context: EngineContext) => Promise<T>, answered: (answer: T) => void, failed: () => void): void {
    const [schedule, chance] = [this.#schedule, this.#chance];
    const replica = chance.pick(this.#replicas);
    let over = false;
    const end = (then: () => void) => {
      if (over) return;
      over = true;
      then();
    };
    const back = (then: () => void) => schedule.in(undefined, chance.mostlyShort(1, 50), () => end(then));
    schedule.in(undefined, patienceMs, () => end(failed));
    schedule.in(undefined, chance.mostlyShort(1, 50), () => {
      const { process, context } = replica;
      if (process === undefined || context === undefined) return void back(failed);
      schedule.in({ process }, 0, () => {
        ask(context).then(
          (answer) => back(() => answered(answer)),
          () => back(failed),
        );
      });
    });
  }
}
