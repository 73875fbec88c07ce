// Pools, made when they are first named.

import { v7 as uuid } from "uuid";
import type { PoolId, TenantId } from "../rules/names.ts";
import type { Query } from "./database.ts";

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
