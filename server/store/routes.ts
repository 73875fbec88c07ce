// Routes, each kept once. They never change: who has read one keeps it in memory.

import { createHash } from "node:crypto";
import { v7 as uuid } from "uuid";
import type { Requirement } from "../rules/matching.ts";
import type { PoolId, RouteId, TenantId } from "../rules/names.ts";
import { json, type Query } from "./database.ts";

export interface RouteWanted {
  readonly poolId: PoolId;
  readonly workflow: string;
  readonly caller: string;
  readonly requirement: Requirement;
}

/** SHA-256 over all that the route says, hex. */
export const routeDigest = ({ poolId, workflow, caller, requirement }: RouteWanted): string => {
  const { application, version, labels } = requirement;
  return createHash("sha256")
    .update(JSON.stringify([poolId, workflow, caller, application, version ?? null, labels]))
    .digest("hex");
};

/** The route's id; saved if it is new. */
export async function keepRoute(query: Query, tenantId: TenantId, route: RouteWanted): Promise<RouteId> {
  const digest = routeDigest(route);
  const known = async () => {
    const [row] = await query<{ id: RouteId }[]>`
      select id from routes where tenant_id = ${tenantId} and digest = ${digest}`;
    return row?.id;
  };
  const before = await known();
  if (before !== undefined) return before;
  await query`
    insert into routes (id, tenant_id, pool_id, workflow, caller, requirement, digest)
    values (${uuid()}, ${tenantId}, ${route.poolId}, ${route.workflow}, ${route.caller},
      ${json(route.requirement)}::jsonb, ${digest})
    on conflict (tenant_id, digest) do nothing`;
  return (await known()) ?? Promise.reject(new Error("a route that was just saved is not there"));
}
