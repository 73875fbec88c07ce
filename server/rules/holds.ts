// What operators have halted, paused and limited, as it bears on waiting runs and on machines. Pure.
//
// Placing asks the same of the database (`routeHalted`, `routePaused`, `machineHalted` in server/store); a test with random
// states holds the two together.

import type { HaltKind } from "./halt.ts";
import type { MachineId, PoolId } from "./names.ts";
import type { LimitKind, PauseKind, Route } from "./route.ts";
import type { Why } from "./wait-reason.ts";

/** A target as it is stored, and in words that its operator knows. */
interface Targeted<Kind> {
  readonly kind: Kind;
  readonly target: string;
  readonly name: string;
}

/** All that is in force in one tenant. */
export interface Holds {
  readonly halts: readonly Targeted<HaltKind>[];
  readonly pauses: readonly Targeted<PauseKind>[];
  readonly limits: readonly {
    readonly kind: LimitKind;
    readonly name: string;
    readonly max: number;
    readonly used: number;
  }[];
}

/** All that keeps the runs of the route back, wherever they could go. */
export function holdsOf(route: Route, poolId: PoolId, { halts, pauses, limits }: Holds): Why[] {
  const covers = ({ kind, target }: Targeted<HaltKind>) =>
    kind === "tenant" || (kind !== "machine" && target === targetOf(route, poolId, kind));
  return [
    ...halts.filter(covers).map((halt) => ({ reason: "HALTED" as const, detail: haltText(halt) })),
    ...pauses
      .filter(({ kind, target }) => target === targetOf(route, poolId, kind))
      .map(({ kind, name }) => ({ reason: "PAUSED" as const, detail: `${kind} ${name}` })),
    ...limits
      .filter(({ kind, name, max, used }) => used >= max && name === targetOf(route, poolId, kind))
      .map(({ kind, name, max, used }) => ({
        reason: "LIMIT_REACHED" as const,
        detail: `${kind} ${name}: ${used} of ${max}`,
      })),
  ];
}

/** The halt that covers the machine, whatever it would be given. */
export function haltOf(machine: { readonly id: MachineId; readonly poolId: PoolId }, { halts }: Holds) {
  const halt = halts.find(
    ({ kind, target }) =>
      kind === "tenant" ||
      (kind === "pool" && target === machine.poolId) ||
      (kind === "machine" && target === machine.id),
  );
  // Of machines that are halted one by one, each is named as a machine already.
  return halt && { reason: "HALTED" as const, detail: halt.kind === "machine" ? "" : haltText(halt) };
}

const haltText = ({ kind, name }: Targeted<HaltKind>) => (kind === "tenant" ? "everything" : `${kind} ${name}`);

function targetOf(route: Route, poolId: PoolId, kind: Exclude<HaltKind, "machine" | "tenant">): string {
  switch (kind) {
    case "workflow":
      return route.workflow;
    case "application":
      return route.requirement.application;
    case "pool":
      return poolId;
  }
}
