// Pools, made when they are first named.

import { v7 as uuid } from "uuid";
import type { PoolId, RunId, TenantId } from "../rules/names.ts";
import type { Query, Tx } from "./database.ts";

export async function findPool(query: Query, tenantId: TenantId, name: string): Promise<PoolId | undefined> {
  const [row] = await query<{ id: PoolId }[]>`select id from pools where tenant_id = ${tenantId} and name = ${name}`;
  return row?.id;
}

export async function poolNamed(query: Query, tenantId: TenantId, name: string): Promise<PoolId> {
  const before = await findPool(query, tenantId, name);
  if (before !== undefined) return before;
  await query`insert into pools (id, tenant_id, name) values (${uuid()}, ${tenantId}, ${name})
    on conflict (tenant_id, name) do nothing`;
  const after = await findPool(query, tenantId, name);
  if (after === undefined) throw new Error("a pool that was just made is not there");
  return after;
}

/** The pool of the tenant's run, under lock, and how many runs were moved to its front; undefined when there is no such run. */
export async function lockFronts(
  tx: Tx,
  tenantId: TenantId,
  runId: RunId,
): Promise<{ readonly poolId: PoolId; readonly fronts: number } | undefined> {
  const [row] = await tx<{ poolId: PoolId; fronts: number }[]>`
    select p.id as pool_id, p.fronts from runs r join pools p on p.id = r.pool_id
    where r.id = ${runId} and r.tenant_id = ${tenantId} for no key update of p`;
  return row;
}

/** The next number: higher than that of any run of the pool. */
export async function raiseFronts(tx: Tx, id: PoolId): Promise<number> {
  const [row] = await tx<{ fronts: number }[]>`update pools set fronts = fronts + 1 where id = ${id} returning fronts`;
  if (row === undefined) throw new Error(`pool ${id} is gone`);
  return row.fronts;
}
