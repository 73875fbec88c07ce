// Pauses: what they cover does not begin.

import type { Query } from "./database.ts";

/** Whether a pause covers the route `t`. */
export const routePaused = (query: Query) => query`exists (
  select 1 from pauses p where p.tenant_id = t.tenant_id and p.ended_at is null and (
    (p.kind = 'pool' and p.target = t.pool_id::text)
    or (p.kind = 'application' and p.target = t.requirement ->> 'application')
    or (p.kind = 'workflow' and p.target = t.workflow)))`;
