// Why a run waits, told from the present alone (G7): what keeps it back wherever it could go, every machine of the fleet counted
// once, the machines that come nearest, and its place in line. Pure; names and numbers only, nothing of any run's inputs (G11).

import { placeOf } from "./competition.ts";
import { holdsOf } from "./holds.ts";
import { limits } from "./limits.ts";
import { misfits } from "./matching.ts";
import type { Instant } from "./names.ts";
import { almost, expectedOf, type NearMachine, nearestOf, type Seen } from "./nearest.ts";
import { type FleetMachine, obstaclesOf, type Seeker } from "./obstacles.ts";
import type { Route } from "./route.ts";
import { unmet } from "./unmet.ts";
import { type WaitReason, type Why, waitReasons } from "./wait-reason.ts";
import type { ExplanationFacts, Waiting } from "./waiting.ts";

export interface WaitCause extends Why {
  /** Machines that it keeps the run from; 0 when it is the run's own. */
  readonly machines: number;
}

export interface Explanation {
  readonly causes: readonly WaitCause[];
  readonly fleet: number;
  readonly nearest: readonly NearMachine[];
  readonly nextFree?: Instant;
  /** 1 is the next. */
  readonly place: number;
  readonly unmet: string;
  readonly deadlineAt: Instant | null;
}

/** Reasons at whose end a machine is not free yet: it is away, or somebody has to do something. */
const lasting: readonly WaitReason[] = ["REATTACHING", "DRAINING"];

export function explain(facts: ExplanationFacts): Explanation {
  const { run, fleet, holds, usual, now } = facts;
  const route = routeOf(facts);
  const seeker = seekerOf(run, route);
  const own = ownReasons(facts, route);
  const seen = fleet.map((machine) => ({ machine, whys: obstaclesOf(seeker, machine, holds, usual, now) }));
  const place = placeOf(facts, route, seeker);
  const free = seen.filter(({ whys }) => whys.length === 0);
  const passed = own.length === 0 && place > free.length;
  const whyNot = ({ whys }: Seen): Why | undefined =>
    whys[0] ?? (passed ? { reason: "OTHERS_FIRST", detail: "" } : undefined);
  const offers = fleet.flatMap(({ poolId, offer }) => (poolId === run.poolId && offer !== undefined ? [offer] : []));
  const fitting = seen.filter(({ whys }) => !whys.some(({ reason }) => fixed.includes(reason)));
  const freeAt = fitting
    .filter(({ whys }) => !whys.some(({ reason }) => lasting.includes(reason)))
    .flatMap(({ whys }) => expectedOf(whys, now) ?? [])
    .sort((a, b) => a - b);
  const soonest = freeAt[0] === undefined ? undefined : Math.max(freeAt[0], run.notBeforeAt ?? now);
  return {
    causes: counted(
      own,
      seen.flatMap((each) => whyNot(each) ?? []),
    ),
    fleet: fleet.length,
    nearest: nearestOf(fitting.length > 0 ? fitting : almost(seen), whyNot, route.requirement, now),
    ...(soonest === undefined ? {} : { nextFree: soonest }),
    place,
    unmet: unmet(route.requirement, run.pool, offers),
    deadlineAt: run.deadlineAt,
  };
}

/** What no time mends. */
const fixed: readonly WaitReason[] = ["OTHER_POOL", ...misfits, "AVOIDED"];

function routeOf({ run, routes }: ExplanationFacts): Route {
  const route = routes.find(({ id }) => id === run.route);
  if (route === undefined) throw new Error(`the route of run ${run.id} is not there`);
  return route;
}

const seekerOf = ({ poolId, avoid, only }: Waiting, { requirement }: Route): Seeker => ({
  poolId,
  requirement,
  avoid,
  ...(only === undefined ? {} : { only }),
});

/** What would keep the run back on any machine: all of it. */
function ownReasons({ run, fleet, holds, now }: ExplanationFacts, route: Route): Why[] {
  const { notBeforeAt } = run;
  const notBefore: Why[] =
    notBeforeAt !== null && notBeforeAt > now ? [{ reason: "NOT_BEFORE", detail: "", until: notBeforeAt }] : [];
  return [...notBefore, ...holdsOf(route, run.poolId, holds), ...settlingOf(run, fleet, now)];
}

/** Where it has to be looked on the same machine, that has to have been back for a while. */
function settlingOf(run: Waiting, fleet: readonly FleetMachine[], now: Instant): Why[] {
  if (run.settling) return [{ reason: "SETTLING", detail: "" }];
  const machine = fleet.find(({ id, status }) => id === run.only && (status === "idle" || status === "busy"));
  const until = (machine?.attachedAt ?? Number.NEGATIVE_INFINITY) + limits.verifyAfterMs;
  return until > now ? [{ reason: "SETTLING", detail: "", until }] : [];
}

/** One cause for each reason and detail, the run's own first, in the order of the list; it is over for the first of its machines at `until`. */
function counted(own: readonly Why[], machines: readonly Why[]): WaitCause[] {
  const causes = new Map<string, WaitCause>();
  const count = (why: Why, add: number) => {
    const key = `${why.reason} ${why.detail}`;
    const before = causes.get(key);
    const ends = [before?.until, why.until].filter((until) => until !== undefined);
    causes.set(key, {
      reason: why.reason,
      detail: why.detail,
      machines: (before?.machines ?? 0) + add,
      ...(ends.length === 0 ? {} : { until: Math.min(...ends) }),
    });
  };
  for (const why of own) count(why, 0);
  for (const why of machines) count(why, 1);
  const isOwn = new Set(own.map(({ reason }) => reason));
  const rank = ({ reason }: WaitCause) => waitReasons.indexOf(reason) + (isOwn.has(reason) ? 0 : waitReasons.length);
  return [...causes.values()].sort((a, b) => rank(a) - rank(b));
}
