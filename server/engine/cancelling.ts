// A caller wants a run stopped.

import type { RunId, TenantId } from "../rules/names.ts";
import { type Answer, accept, refuse } from "../rules/refusal.ts";
import { changeRun } from "./changing.ts";
import type { EngineContext } from "./context.ts";

/** Saved as a wish: the run is CANCELLING until its machine has said how far it came. May be repeated. */
export async function cancelRun(context: EngineContext, tenantId: TenantId, id: RunId): Promise<Answer<RunId>> {
  const { sql } = context.database;
  const [row] = await sql<{ state: string }[]>`select state from runs where id = ${id} and tenant_id = ${tenantId}`;
  if (row === undefined) return refuse("RUN_NOT_FOUND", "There is no such run.");
  if (row.state === "ended") return refuse("RUN_ENDED", "The run has ended: there is nothing to cancel.");
  await changeRun(context, id, { is: "cancel-requested" });
  return accept(id);
}
