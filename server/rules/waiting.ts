// All that is looked at to tell why a run waits.

import type { Shares } from "./fair-share.ts";
import type { Holds } from "./holds.ts";
import type { LineGroup } from "./line.ts";
import type { Instant, PoolId, RouteId } from "./names.ts";
import type { FleetMachine, Usual } from "./obstacles.ts";
import type { WaitingRun } from "./placement.ts";
import type { Route } from "./route.ts";

/** The run, as it waits. */
export interface Waiting extends Omit<WaitingRun, "triesLeft"> {
  readonly poolId: PoolId;
  /** The pool's name. */
  readonly pool: string;
  readonly notBeforeAt: Instant | null;
  /** What it may have committed can still take hold. */
  readonly settling: boolean;
  readonly deadlineAt: Instant | null;
}

/** Runs of a route that wait in the same pool, by urgency. */
export interface RouteGroup extends Omit<LineGroup, "caller"> {
  readonly route: RouteId;
}

export interface ExplanationFacts {
  readonly run: Waiting;
  /** Its own route, and all of which runs wait in its pool. */
  readonly routes: readonly Route[];
  readonly queued: readonly RouteGroup[];
  readonly unsettled: readonly RouteGroup[];
  readonly shares: Shares;
  /** All machines of the tenant that are not revoked. */
  readonly fleet: readonly FleetMachine[];
  readonly holds: Holds;
  readonly usual: Usual;
  readonly now: Instant;
}
