// Which waiting run goes to which free machine. Pure; the same facts give the same placements.

import type { Shares } from "./fair-share.ts";
import { misfit } from "./matching.ts";
import type { Instant, MachineId, OfferId, RouteId, RunId } from "./names.ts";
import type { KnownOffer, Limit, Route } from "./route.ts";
import { Turns } from "./turns.ts";

export interface WaitingRun {
  readonly id: RunId;
  readonly route: RouteId;
  /** Above 0: moved before all others by an operator; the highest goes first. */
  readonly front: number;
  readonly priority: number;
  readonly avoid: readonly MachineId[];
  /** `verify`: it goes before all others, because nobody can go on before it is known whether a commit took hold. */
  readonly purpose: "attempt" | "verify";
  /** The one machine that it can be on. */
  readonly only?: MachineId;
  /** It has another attempt if the next one fails. */
  readonly triesLeft: boolean;
}

/** When a machine was last proven ready, by application. */
export type Warm = { readonly [application: string]: Instant };

export interface FreeMachine {
  readonly id: MachineId;
  readonly offer: OfferId;
  /** Since when it has been idle. */
  readonly idleSince: Instant;
  readonly warm: Warm;
  /** How many of its recent attempts failed: 0 none, 1 all. */
  readonly failureRate: number;
  /** It was quarantined, and has done nothing right since. */
  readonly onProbation: boolean;
}

/** All that a pass of placing looks at. */
export interface PlacingFacts {
  readonly queue: readonly WaitingRun[];
  readonly routes: readonly Route[];
  readonly fleet: readonly FreeMachine[];
  readonly offers: readonly KnownOffer[];
  readonly shares: Shares;
  readonly limits: readonly Limit[];
  readonly now: Instant;
}

export interface Placement {
  readonly run: RunId;
  readonly machine: MachineId;
  readonly caller: string;
  readonly purpose: WaitingRun["purpose"];
}

/**
 * Places runs one by one. First go those to be verified; then those that were moved to the front, the last one moved first;
 * then by priority; then, between callers, whose turn it is (`fair-share.ts`); of one caller first come, first served, by their
 * time-ordered ids. Each goes to the best machine that is left (`betterFor`). A run that nothing fits holds up nobody.
 */
export function place(facts: PlacingFacts): Placement[] {
  const routes = new Map(facts.routes.map((route) => [route.id, route]));
  const fits = fitting(facts);
  const left = new Map(facts.limits.map((limit) => [`${limit.kind} ${limit.name}`, limit.left]));
  const free = new Map(facts.fleet.map((machine) => [machine.id, machine]));
  const turns = new Turns(facts.queue, routes, facts.shares);
  // Neither machines nor what limits leave become more: such a route is asked about once.
  const over = new Set<RouteId>();
  const placements: Placement[] = [];
  while (free.size > 0) {
    const next = turns.next();
    if (next === undefined) break;
    const { caller, run } = next;
    const route = routes.get(run.route);
    if (route === undefined || over.has(run.route)) continue;
    const limits = [`workflow ${route.workflow}`, `application ${route.requirement.application}`];
    const fitted = [...free.values()].filter((machine) => fits(route, machine.offer));
    if (fitted.length === 0 || limits.some((limit) => (left.get(limit) ?? 1) <= 0)) {
      over.add(run.route);
      continue;
    }
    const machine = bestFor(route, run, fitted, facts.now);
    if (machine === undefined) continue;
    free.delete(machine.id);
    for (const limit of limits) left.set(limit, (left.get(limit) ?? Number.POSITIVE_INFINITY) - 1);
    if (run.purpose === "attempt") turns.served(caller);
    placements.push({ run: run.id, machine: machine.id, caller, purpose: run.purpose });
  }
  return placements;
}

/** Whether a route's requirement is what an offer has; each pair is looked at once. */
function fitting({ offers }: PlacingFacts): (route: Route, offer: OfferId) => boolean {
  const known = new Map(offers.map((offer) => [offer.id, offer]));
  const found = new Map<string, boolean>();
  return (route, id) => {
    const key = `${route.id} ${id}`;
    const before = found.get(key);
    if (before !== undefined) return before;
    const offer = known.get(id);
    const fits = offer !== undefined && misfit(route.requirement, offer) === undefined;
    found.set(key, fits);
    return fits;
  };
}

function bestFor(route: Route, run: WaitingRun, fitted: readonly FreeMachine[], now: Instant): FreeMachine | undefined {
  const { application } = route.requirement;
  return fitted
    .filter(({ id }) => !run.avoid.includes(id) && (run.only === undefined || run.only === id))
    .reduce<FreeMachine | undefined>(
      (best, machine) => (best === undefined || betterFor(application, run, machine, best, now) < 0 ? machine : best),
      undefined,
    );
}

const minute = 60_000;
/** A proof is as good as another one of about the same age: younger than a minute, ten, an hour, eight, a day; older, or none. */
const ages = [minute, 10 * minute, 60 * minute, 480 * minute, 1440 * minute];

/** How long ago the machine was proven ready for the application, as a step of `ages`; `ages.length` is long ago or never. */
function coldness(application: string, { warm }: FreeMachine, now: Instant): number {
  const at = Object.hasOwn(warm, application) ? warm[application] : undefined;
  if (at === undefined) return ages.length;
  const step = ages.findIndex((age) => now - at < age);
  return step === -1 ? ages.length : step;
}

/** Tenths: one failure more or less among many says nothing. */
const unreliability = (machine: FreeMachine) => Math.round(machine.failureRate * 10);

/**
 * A machine whose quarantine is over is probed by the next run that can be tried again, and is the last one for any other: nobody
 * would else find out that it works again before all the others are busy.
 */
const probing = (run: WaitingRun, machine: FreeMachine) => (machine.onProbation ? (run.triesLeft ? -1 : 1) : 0);

/**
 * Below 0 when `a` is the better machine for the run: one to be probed by it, then the one that was proven ready for the
 * application more recently, then the one whose recent attempts failed less, then the one that has been idle longer, then the lower id.
 */
export const betterFor = (application: string, run: WaitingRun, a: FreeMachine, b: FreeMachine, now: Instant): number =>
  probing(run, a) - probing(run, b) ||
  coldness(application, a, now) - coldness(application, b, now) ||
  unreliability(a) - unreliability(b) ||
  a.idleSince - b.idleSince ||
  (a.id < b.id ? -1 : 1);
