// Operators bound how many runs of a workflow, or on an application, are under way at the same time. A limit is a row that placing
// counts against, under lock (`store/concurrency.ts`).
//
// 1. A limit holds from the moment it is answered: it is written when no placer is in the middle of a pass, and the next pass counts
//    on it. What is over a limit that was lowered goes on.

import type { TenantId } from "../rules/names.ts";
import { type Answer, accept } from "../rules/refusal.ts";
import type { LimitKind } from "../rules/route.ts";
import { deleteLimit, type LimitView, readLimit, saveLimit } from "../store/concurrency.ts";
import { readNow } from "../store/database.ts";
import { holdPlacers } from "../store/queue.ts";
import { topics } from "../store/wakeup.ts";
import type { EngineContext } from "./context.ts";
import { findTarget, type Target } from "./targets.ts";

/** Sets the limit of a target. The same again changes nothing. */
export async function setLimit(
  context: EngineContext,
  tenantId: TenantId,
  { kind, name, max, by }: Target<LimitKind> & { readonly max: number; readonly by: string },
): Promise<Answer<LimitView>> {
  const { sql } = context.database;
  const found = await findTarget(sql, tenantId, { kind, name });
  if (!found.ok) return found;
  const limit = await sql.begin(async (tx) => {
    await holdPlacers(tx, tenantId);
    await saveLimit(tx, tenantId, { kind, name: found.value, max, by, now: await readNow(tx) });
    return await readLimit(tx, tenantId, { kind, name: found.value });
  });
  if (limit === undefined) throw new Error("a limit that was just saved is not there");
  context.wakeup.publish([topics.placing]);
  return accept(limit);
}

/** Ends the limit of a target; false when there was none. */
export async function removeLimit(
  context: EngineContext,
  tenantId: TenantId,
  target: Target<LimitKind>,
): Promise<boolean> {
  const removed = await deleteLimit(context.database.sql, tenantId, target);
  context.wakeup.publish([topics.placing]);
  return removed;
}
