// Which waiting run goes to which idle machine. Pure; the same queue and fleet give the same placements.

import type { Instant, MachineId, RunId } from "./names.ts";

export interface WaitingRun {
  readonly id: RunId;
  readonly application: string;
  readonly priority: number;
  readonly avoid: readonly MachineId[];
  /** `verify`: it goes before all others, because nobody can go on before it is known whether a commit took hold. */
  readonly purpose: "attempt" | "verify";
  /** The one machine that it can be on. */
  readonly only?: MachineId;
}

export interface IdleMachine {
  readonly id: MachineId;
  readonly applications: readonly string[];
  /** Since when it has been idle. */
  readonly idleSince: Instant;
}

export interface Placement {
  readonly run: RunId;
  readonly machine: MachineId;
}

/**
 * Places runs in the order of the queue (verify first, then higher priority, then first come first served by their time-ordered ids),
 * each on the fitting machine that has been idle longest; ties go to the lower id.
 */
export function place(queue: readonly WaitingRun[], fleet: readonly IdleMachine[]): Placement[] {
  const free = [...fleet].sort((a, b) => a.idleSince - b.idleSince || (a.id < b.id ? -1 : 1));
  const placements: Placement[] = [];
  const rank = (run: WaitingRun) => (run.purpose === "verify" ? 0 : 1);
  const inOrder = (a: WaitingRun, b: WaitingRun) =>
    rank(a) - rank(b) || b.priority - a.priority || (a.id < b.id ? -1 : 1);
  for (const run of [...queue].sort(inOrder)) {
    const index = free.findIndex((m) => fits(run, m));
    const machine = free[index];
    if (machine === undefined) continue;
    free.splice(index, 1);
    placements.push({ run: run.id, machine: machine.id });
  }
  return placements;
}

const fits = (run: WaitingRun, machine: IdleMachine): boolean =>
  machine.applications.includes(run.application) &&
  !run.avoid.includes(machine.id) &&
  (run.only === undefined || run.only === machine.id);
