// An operator puts a waiting run before all others of its pool. Lock order: pools, runs.

import type { RunId, TenantId } from "../rules/names.ts";
import { type Answer, accept, refuse } from "../rules/refusal.ts";
import { lockFronts, raiseFronts } from "../store/pools.ts";
import { topics } from "../store/wakeup.ts";
import { applyHappening, hold } from "./changing.ts";
import type { EngineContext } from "./context.ts";

/** The one that was moved last goes first. May be repeated: one that is the first already stays as it is. */
export async function moveRunToFront(context: EngineContext, tenantId: TenantId, id: RunId): Promise<Answer<RunId>> {
  const moved = await context.database.sql.begin(async (tx): Promise<Answer<readonly string[]>> => {
    const pool = await lockFronts(tx, tenantId, id);
    const held = pool === undefined ? undefined : await hold(tx, id);
    if (pool === undefined || held === undefined) return refuse("RUN_NOT_FOUND", "There is no such run.");
    const { state, front } = held.locked.run;
    if (state.is !== "queued" && state.is !== "unsettled") {
      const why = state.is === "ended" ? "has ended" : "has a machine";
      return refuse("RUN_NOT_WAITING", `The run ${why}: there is nothing to move.`);
    }
    if (front > 0 && front === pool.fronts) return accept([]);
    const woken = await applyHappening(context, tx, held, {
      is: "moved-to-front",
      front: await raiseFronts(tx, pool.poolId),
    });
    if (woken === undefined) throw new Error(`run ${id} waits and cannot be moved`);
    return accept(woken);
  });
  if (!moved.ok) return moved;
  // A placer that came by meanwhile has passed the pool over.
  context.wakeup.publish([topics.placing, ...moved.value]);
  return accept(id);
}
