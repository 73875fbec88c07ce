// Queue and fleet in numbers: how many runs of which workflow wait and why, and how many machines could take work and why not
// the others. Pure. What is counted comes in groups, so that neither a long queue nor a large fleet costs much here.

import { type Holds, holdsOf } from "./holds.ts";
import type { MachineStatus } from "./machine.ts";
import { misfits, type Requirement } from "./matching.ts";
import type { Instant, PoolId, RouteId } from "./names.ts";
import { type FleetMachine, obstaclesOf } from "./obstacles.ts";
import type { Route } from "./route.ts";
import type { WaitReason } from "./wait-reason.ts";

/** Waiting runs of one route and one state. */
export interface RunGroup {
  readonly route: RouteId;
  readonly state: "queued" | "unsettled";
  /** `later`: their time has not come. `settling`: what they may have committed can still take hold. */
  readonly waits: "now" | "later" | "settling";
  readonly runs: number;
  /** Since when the first of them has waited: since it was started, went back into the queue, or its time had come. */
  readonly since: Instant;
}

/** Machines of one pool that are the same in all that placing looks at. */
export interface MachineGroup {
  /** One of them. */
  readonly like: FleetMachine;
  readonly machines: number;
}

export interface FigureFacts {
  readonly runs: readonly RunGroup[];
  readonly routes: readonly (Route & { readonly poolId: PoolId })[];
  readonly machines: readonly MachineGroup[];
  /** Names of the tenant's pools. */
  readonly pools: ReadonlyMap<PoolId, string>;
  readonly holds: Holds;
  /** Runs that have a machine. */
  readonly underWay: readonly { readonly workflow: string; readonly application: string; readonly runs: number }[];
  /** Runs that ended UNKNOWN and that nobody has settled. */
  readonly unknown: readonly { readonly workflow: string; readonly runs: number }[];
  readonly now: Instant;
}

export interface QueueFigure {
  readonly workflow: string;
  readonly application: string;
  readonly pool: string;
  readonly state: RunGroup["state"];
  readonly reason: WaitReason;
  readonly runs: number;
  readonly oldestMs: number;
}

export interface Figures {
  readonly queue: readonly QueueFigure[];
  /** Each machine once. */
  readonly machines: readonly { readonly pool: string; readonly status: MachineStatus; readonly machines: number }[];
  /** Each machine once for each of its applications, by what would keep it longest from a run; `NONE`: nothing does. */
  readonly fitness: readonly {
    readonly application: string;
    readonly pool: string;
    readonly reason: WaitReason | "NONE";
    readonly machines: number;
  }[];
  readonly underWay: FigureFacts["underWay"];
  readonly unknown: FigureFacts["unknown"];
}

export function figuresOf(facts: FigureFacts): Figures {
  const { machines, pools, now } = facts;
  const poolName = (id: PoolId) => pools.get(id) ?? "";
  const routes = new Map(facts.routes.map((route) => [route.id, route]));
  const reasonOf = reasons(facts);
  return {
    queue: facts.runs.flatMap((group) => {
      const route = routes.get(group.route);
      if (route === undefined) return [];
      const { workflow, requirement, poolId } = route;
      const oldestMs = Math.max(0, now - group.since);
      const of = { workflow, application: requirement.application, pool: poolName(poolId) };
      return [{ ...of, state: group.state, reason: reasonOf(group, route), runs: group.runs, oldestMs }];
    }),
    machines: machines.map(({ like, machines }) => ({ pool: poolName(like.poolId), status: like.status, machines })),
    fitness: machines.flatMap(({ like, machines }) =>
      applicationsOf(like).map((application) => {
        const seeker = { poolId: like.poolId, requirement: { application, labels: [] }, avoid: [] };
        const reason = obstaclesOf(seeker, like, facts.holds, {}, now)[0]?.reason ?? "NONE";
        return { application, pool: poolName(like.poolId), reason, machines };
      }),
    ),
    underWay: facts.underWay,
    unknown: facts.unknown,
  };
}

const applicationsOf = ({ offer, applications }: FleetMachine) => [
  ...new Set(offer?.applications.map(({ name }) => name) ?? applications),
];

/** Why the runs of a group wait: what keeps them from every machine, else what keeps them from most machines. */
function reasons({ machines, holds, now }: FigureFacts) {
  const known = new Map<string, WaitReason>();
  const commonest = (poolId: PoolId, requirement: Requirement): WaitReason => {
    const key = JSON.stringify([poolId, requirement]);
    const before = known.get(key);
    if (before !== undefined) return before;
    const found = commonestObstacle(poolId, requirement, machines, holds, now);
    known.set(key, found);
    return found;
  };
  return ({ waits }: RunGroup, route: FigureFacts["routes"][number]): WaitReason => {
    if (waits === "later") return "NOT_BEFORE";
    const held = holdsOf(route, route.poolId, holds)[0]?.reason;
    return held ?? (waits === "settling" ? "SETTLING" : commonest(route.poolId, route.requirement));
  };
}

/** Of the machines that fit; where none does, of those that nearly do: the wrong version says more than another pool. */
function commonestObstacle(
  poolId: PoolId,
  requirement: Requirement,
  machines: readonly MachineGroup[],
  holds: Holds,
  now: Instant,
): WaitReason {
  const counts = new Map<WaitReason, number>();
  const seeker = { poolId, requirement, avoid: [] };
  for (const { like, machines: count } of machines) {
    const reason = obstaclesOf(seeker, like, holds, {}, now)[0]?.reason ?? "OTHERS_FIRST";
    counts.set(reason, (counts.get(reason) ?? 0) + count);
  }
  const most = (among: readonly WaitReason[]) =>
    among.reduce<WaitReason | undefined>((best, reason) => {
      return best === undefined || (counts.get(reason) ?? 0) > (counts.get(best) ?? 0) ? reason : best;
    }, undefined);
  const seen = [...counts.keys()];
  // A machine that is free takes the next of them at once.
  if (counts.has("OTHERS_FIRST")) return "OTHERS_FIRST";
  const fitting = seen.filter((reason) => ![...misfits, "OTHER_POOL"].includes(reason));
  const near = misfits.filter((reason) => counts.has(reason));
  return most(fitting) ?? near.at(-1) ?? "APPLICATION_MISSING";
}
