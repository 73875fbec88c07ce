// All that operators have halted, paused and limited in a tenant, and how much of each limit is used.

import type { Holds } from "../rules/holds.ts";
import type { TenantId } from "../rules/names.ts";
import { countUnderWay } from "./concurrency.ts";
import type { Query } from "./database.ts";

export async function readHolds(query: Query, tenantId: TenantId): Promise<Holds> {
  const [halts, pauses, limits] = await Promise.all([
    query<Holds["halts"][number][]>`
      select h.kind, h.target, coalesce(p.name, h.target) as name from halts h
      left join pools p on p.id = case when h.kind = 'pool' then h.target::uuid end
      where h.tenant_id = ${tenantId} and h.resumed_at is null order by h.halted_at`,
    query<Holds["pauses"][number][]>`
      select h.kind, h.target, coalesce(p.name, h.target) as name from pauses h
      left join pools p on p.id = case when h.kind = 'pool' then h.target::uuid end
      where h.tenant_id = ${tenantId} and h.ended_at is null order by h.paused_at`,
    query<Omit<Holds["limits"][number], "used">[]>`
      select kind, name, max from concurrency_limits where tenant_id = ${tenantId} order by kind, name`,
  ]);
  if (limits.length === 0) return { halts, pauses, limits: [] };
  const used = await countUnderWay(query, tenantId);
  return { halts, pauses, limits: limits.map((limit) => ({ ...limit, used: used(limit.kind, limit.name) })) };
}
