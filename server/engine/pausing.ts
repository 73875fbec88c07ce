// Operators keep a workflow, an application or a pool from beginning, and let it begin again. A pause is a row that placing reads;
// what is under way goes on, unlike with a halt (`halting.ts`).
//
// 1. Nothing that a pause covers begins from the moment it is answered: it is written when no placer is in the middle of a pass,
//    and the next pass sees it.

import { v7 as uuid } from "uuid";
import type { PauseId, TenantId } from "../rules/names.ts";
import { type Answer, accept } from "../rules/refusal.ts";
import type { PauseKind } from "../rules/route.ts";
import { type Query, readNow } from "../store/database.ts";
import { endPause, type PauseView, readPause, savePause } from "../store/pauses.ts";
import { holdPlacers } from "../store/queue.ts";
import { topics } from "../store/wakeup.ts";
import type { EngineContext } from "./context.ts";
import { findTarget, type Target } from "./targets.ts";

/** Pauses a target. Paused before, it stays the pause that it was. */
export async function pause(
  context: EngineContext,
  tenantId: TenantId,
  { kind, name, reason, by }: Target<PauseKind> & { readonly reason: string; readonly by: string },
): Promise<Answer<PauseView>> {
  const { sql } = context.database;
  const found = await findTarget(sql, tenantId, { kind, name });
  if (!found.ok) return found;
  const id = await sql.begin(async (tx) => {
    await holdPlacers(tx, tenantId);
    const now = await readNow(tx);
    return await savePause(tx, tenantId, { id: uuid() as PauseId, kind, target: found.value, reason, by, now });
  });
  // What they did not get to while they were held.
  context.wakeup.publish([topics.placing]);
  return accept(await there(sql, id));
}

/** Ends the pause of a target, if there is one. */
export async function unpause(
  context: EngineContext,
  tenantId: TenantId,
  { kind, name, by }: Target<PauseKind> & { readonly by: string },
): Promise<Answer<PauseView | undefined>> {
  const { sql } = context.database;
  const found = await findTarget(sql, tenantId, { kind, name });
  // Nothing was ever paused that is not there.
  if (!found.ok) return accept(undefined);
  const id = await sql.begin(async (tx) =>
    endPause(tx, tenantId, { kind, target: found.value, by, now: await readNow(tx) }),
  );
  context.wakeup.publish([topics.placing]);
  return accept(id === undefined ? undefined : await there(sql, id));
}

async function there(query: Query, id: PauseId): Promise<PauseView> {
  const view = await readPause(query, id);
  if (view === undefined) throw new Error("a pause that was just changed is not there");
  return view;
}
