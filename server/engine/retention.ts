// How long a tenant keeps things: what it has set, and the defaults for the rest. The next pass of `retaining` goes by it.

import type { TenantId } from "../rules/names.ts";
import { type Retention, retentionOf } from "../rules/retention.ts";
import { readRetention, saveRetention } from "../store/retention.ts";
import type { EngineContext } from "./context.ts";

export const retentionInForce = async ({ database }: EngineContext, tenantId: TenantId): Promise<Retention> =>
  retentionOf(await readRetention(database.sql, tenantId));

/** What is absent stays as it is. Returns what holds from now on. */
export const setRetention = async (
  { database }: EngineContext,
  tenantId: TenantId,
  wanted: Partial<Retention>,
): Promise<Retention> => retentionOf(await saveRetention(database.sql, tenantId, wanted));
