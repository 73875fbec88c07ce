// Why a run waits: read from one picture of the present at each call, never kept (G7). Nothing is locked, and nobody waits for it.

import { type Explanation, explain } from "../rules/explanation.ts";
import type { RunId, TenantId } from "../rules/names.ts";
import { readNow, type Tx } from "../store/database.ts";
import {
  readFleet,
  readPoolShares,
  readQueued,
  readRoutes,
  readUnsettled,
  readUsual,
  readWaiting,
} from "../store/explanation-reads.ts";
import { readHolds } from "../store/holds.ts";
import type { EngineContext } from "./context.ts";

/** `not-waiting`: it runs, or has ended. Undefined when there is no such run. */
export async function explainRun(
  context: EngineContext,
  tenantId: TenantId,
  id: RunId,
): Promise<Explanation | "not-waiting" | undefined> {
  return await context.database.sql.begin("isolation level repeatable read read only", async (tx) =>
    explained(context, tx, tenantId, id),
  );
}

async function explained(context: EngineContext, tx: Tx, tenantId: TenantId, id: RunId) {
  const now = await readNow(tx);
  const found = await readWaiting(tx, tenantId, id, now);
  if (found === undefined) return undefined;
  const { waits, ...run } = found;
  if (!waits) return "not-waiting";
  const [machines, holds, queued, unsettled, shares] = await Promise.all([
    readFleet(tx, tenantId),
    readHolds(tx, tenantId),
    readQueued(tx, run.poolId, run),
    readUnsettled(tx, run.poolId, run.id, now),
    readPoolShares(tx, run.poolId),
  ]);
  const [routes, usual, offers] = await Promise.all([
    readRoutes(tx, tenantId, [run.route, ...[...queued, ...unsettled].map(({ route }) => route)]),
    readUsual(
      tx,
      tenantId,
      machines.flatMap(({ work }) => work?.workflow ?? []),
    ),
    context.catalogue.offers(
      tx,
      machines.flatMap(({ offer }) => offer ?? []),
    ),
  ]);
  const offerById = new Map<string | null, (typeof offers)[number]>(offers.map((offer) => [offer.id, offer]));
  const fleet = machines.map((machine) => ({ ...machine, offer: offerById.get(machine.offer) }));
  return explain({ run, routes, queued, unsettled, shares, fleet, holds, usual, now });
}
