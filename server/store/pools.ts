// Pools, made when they are first named.

import { v7 as uuid } from "uuid";
import type { PoolId, TenantId } from "../rules/names.ts";
import type { Query } from "./database.ts";

export async function poolNamed(query: Query, tenantId: TenantId, name: string): Promise<PoolId> {
  const find = () => query<{ id: PoolId }[]>`select id from pools where tenant_id = ${tenantId} and name = ${name}`;
  const [before] = await find();
  if (before !== undefined) return before.id;
  await query`insert into pools (id, tenant_id, name) values (${uuid()}, ${tenantId}, ${name})
    on conflict (tenant_id, name) do nothing`;
  const [after] = await find();
  if (after === undefined) throw new Error("a pool that was just made is not there");
  return after.id;
}
