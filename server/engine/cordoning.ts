// Operators take a machine out of service and back, and take it away from what it does.
//
// 1. A machine that is cordoned is placed on no more from the moment the answer is given: placing asks again under its lock.
// 2. A machine is drained when it is cordoned and has no lease. Nothing has to be done for that: what it does ends, or is
//    stopped at the deadline, in `expiring.ts`.

import { advanceCordon } from "../rules/cordon.ts";
import type { MachineId, TenantId } from "../rules/names.ts";
import { trustedAgain } from "../rules/quarantine.ts";
import { type Answer, accept, refuse } from "../rules/refusal.ts";
import { lockCordon, saveCordon } from "../store/cordons.ts";
import { readNow } from "../store/database.ts";
import { lockReliability, saveReliability } from "../store/marks.ts";
import { topics } from "../store/wakeup.ts";
import { holdingMachine } from "./attaching.ts";
import { applyHappening } from "./changing.ts";
import type { EngineContext } from "./context.ts";

export type CordonWanted =
  | { readonly is: "cordon" | "uncordon" }
  | { readonly is: "drain"; readonly timeoutMs: number };

const noMachine = () => refuse("MACHINE_NOT_FOUND", "There is no such machine.");

/** Cordons, uncordons or drains the machine; to uncordon it ends its quarantine too. May be repeated. */
export async function cordonMachine(
  context: EngineContext,
  tenantId: TenantId,
  id: MachineId,
  wanted: CordonWanted,
): Promise<Answer<MachineId>> {
  const found = await context.database.sql.begin(async (tx) => {
    const cordon = await lockCordon(tx, tenantId, id);
    if (cordon === undefined) return false;
    const now = await readNow(tx);
    const happening =
      wanted.is === "drain" ? ({ is: "drain", by: now + wanted.timeoutMs } as const) : ({ is: wanted.is } as const);
    const next = advanceCordon(cordon, happening, now);
    if (next !== cordon) await saveCordon(tx, id, next);
    if (wanted.is === "uncordon") await saveReliability(tx, id, trustedAgain(await lockReliability(tx, id)));
    return true;
  });
  if (!found) return noMachine();
  context.wakeup.publish([topics.placing]);
  return accept(id);
}

/**
 * Takes the machine away from its attempt without waiting for its agent's word: the attempt ends, and the lease is fenced. One
 * that is fenced already, or under which nothing is injected, stays as it is.
 */
export async function releaseMachine(
  context: EngineContext,
  tenantId: TenantId,
  id: MachineId,
): Promise<Answer<MachineId>> {
  const woken = await holdingMachine(context, id, async (tx, { machine, lease, held }) => {
    if (machine.tenantId !== tenantId) return undefined;
    if (lease === undefined || lease.attemptEnded || held?.live === undefined) return [];
    return (await applyHappening(context, tx, held, { is: "force-released" })) ?? [];
  });
  if (woken === undefined) return noMachine();
  context.wakeup.publish(woken);
  return accept(id);
}
