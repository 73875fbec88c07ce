// Who is in line with a waiting run: the routes that could go to a machine that it could go to. Pure.

import { holdsOf } from "./holds.ts";
import { type LineGroup, placeInLine } from "./line.ts";
import { misfit, type Offer } from "./matching.ts";
import type { Seeker } from "./obstacles.ts";
import type { Route } from "./route.ts";
import type { Why } from "./wait-reason.ts";
import type { ExplanationFacts, RouteGroup } from "./waiting.ts";

/**
 * Its place in the line of those routes that could go to a machine that it could go to. What is held by something that does not
 * hold this run too goes nowhere now, and is not in its line.
 */
export function placeOf({ run, routes, fleet, holds, ...line }: ExplanationFacts, mine: Route, seeker: Seeker): number {
  const offers = fleet.flatMap((machine) => {
    const { offer } = machine;
    const possible =
      machine.poolId === seeker.poolId &&
      !seeker.avoid.includes(machine.id) &&
      (seeker.only === undefined || seeker.only === machine.id);
    return possible && offer !== undefined && misfit(mine.requirement, offer) === undefined ? [offer] : [];
  });
  const distinct = [...new Set(offers)];
  const held = new Set(holdsOf(mine, run.poolId, holds).map(holdKey));
  const competing = new Map(
    routes
      .filter((route) => route.id === mine.id || competes(route, distinct))
      .filter((route) => holdsOf(route, run.poolId, holds).every((hold) => held.has(holdKey(hold))))
      .map((route) => [route.id, route.caller]),
  );
  const groupsOf = (groups: readonly RouteGroup[]): LineGroup[] =>
    groups.flatMap(({ route, ...group }) => {
      const caller = competing.get(route);
      return caller === undefined ? [] : [{ ...group, caller }];
    });
  const { front, priority, purpose } = run;
  return placeInLine(
    { front, priority, purpose, caller: mine.caller },
    { unsettled: groupsOf(line.unsettled), queued: groupsOf(line.queued), shares: line.shares },
  );
}

const holdKey = ({ reason, detail }: Why) => `${reason} ${detail}`;
const competes = ({ requirement }: Route, offers: readonly Offer[]) =>
  offers.some((offer) => misfit(requirement, offer) === undefined);
