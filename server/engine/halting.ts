// The stop button (G14). A halt is a row; what follows from it is read from there, by whoever tells agents what is wanted
// (`wanting.ts`), by placing, and by `holdAll`.
//
// 1. An agent is told that it is halted because a halt is in force, and not because its attempt holds: nothing has to be
//    written for each machine before it stops.
// 2. What an attempt's row says of holding is put right by one argument-less pass: after a halt, a person, a placement that
//    raced with either, or a crash between the two.

import { v7 as uuid } from "uuid";
import type { HaltKind } from "../rules/halt.ts";
import type { HaltId, MachineId, TenantId } from "../rules/names.ts";
import { type Answer, accept, refuse } from "../rules/refusal.ts";
import { type Query, readNow } from "../store/database.ts";
import {
  endHalt,
  type HaltView,
  type HoldDue,
  holdsDue,
  raiseResumeNumber,
  readHalt,
  saveHalt,
} from "../store/halts.ts";
import { readMachineView } from "../store/machine-reads.ts";
import { topics } from "../store/wakeup.ts";
import { changeRun } from "./changing.ts";
import type { EngineContext } from "./context.ts";
import { errorText } from "./loop.ts";
import { findTarget } from "./targets.ts";

/** What is halted, as an operator names it; for the tenant the name is empty. */
export interface HaltTarget {
  readonly kind: HaltKind;
  readonly name: string;
}

/** Attempts that one pass puts right; the next one follows at once while there are more. */
const passMax = 500;

/** Halts a target. Halted before, it stays the halt that it was. */
export async function halt(
  context: EngineContext,
  tenantId: TenantId,
  { kind, name, reason, by }: HaltTarget & { readonly reason: string; readonly by: string },
): Promise<Answer<HaltView>> {
  const { sql } = context.database;
  const found = await findHalted(sql, tenantId, { kind, name });
  if (!found.ok) return found;
  const id = await sql.begin(async (tx) => {
    const now = await readNow(tx);
    return await saveHalt(tx, tenantId, { id: uuid() as HaltId, kind, target: found.value, reason, by, now });
  });
  wake(context, tenantId);
  return accept(await there(sql, id));
}

/** Ends the halt of a target, if there is one. A machine goes on although a person was at its mouse. */
export async function resume(
  context: EngineContext,
  tenantId: TenantId,
  { kind, name, by }: HaltTarget & { readonly by: string },
): Promise<Answer<HaltView | undefined>> {
  const { sql } = context.database;
  const found = await findHalted(sql, tenantId, { kind, name });
  // Nothing of another kind is known but by its halt: without one there is nothing to end.
  if (!found.ok) return kind === "machine" ? found : accept(undefined);
  const target = found.value;
  const id = await sql.begin(async (tx) => {
    if (kind === "machine") await raiseResumeNumber(tx, target as MachineId);
    return await endHalt(tx, tenantId, { kind, target, by, now: await readNow(tx) });
  });
  wake(context, tenantId);
  return accept(id === undefined ? undefined : await there(sql, id));
}

/** Every attempt holds, or goes on, as halts and people want it now. One that cannot be changed holds up no other. */
export async function holdAll(context: EngineContext): Promise<void> {
  for (const due of await holdsDue(context.database.sql, passMax)) {
    try {
      await putRight(context, due);
    } catch (error) {
      context.log.warn("an attempt's hold could not be saved yet", {
        attempt: due.attemptId,
        error: errorText(error),
      });
    }
  }
}

const putRight = (context: EngineContext, { runId, attemptId, upkeep, why }: HoldDue): Promise<boolean> =>
  changeRun(context, runId, why === null ? { is: "let-go" } : { is: "held", why }, {
    only: attemptId,
    upkeepId: upkeep ? attemptId : undefined,
  });

/** The id or name that a target is stored under. */
async function findHalted(query: Query, tenantId: TenantId, { kind, name }: HaltTarget): Promise<Answer<string>> {
  if (kind === "tenant") return accept("");
  if (kind !== "machine") return await findTarget(query, tenantId, { kind, name });
  const machine = await readMachineView(query, tenantId, name);
  return machine === undefined ? refuse("MACHINE_NOT_FOUND", `There is no machine ${name}.`) : accept(machine.id);
}

/** Agents are told first: their sessions and the pass read the same rows, and neither waits for the other. */
const wake = (context: EngineContext, tenantId: TenantId) =>
  context.wakeup.publish([topics.halts(tenantId), topics.holding, topics.placing]);

async function there(query: Query, id: HaltId): Promise<HaltView> {
  const view = await readHalt(query, id);
  if (view === undefined) throw new Error("a halt that was just changed is not there");
  return view;
}
