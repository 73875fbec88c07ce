// A person has looked, and settles a run that had ended UNKNOWN (G4). Of two at once the second is refused: the run is locked,
// and has not ended UNKNOWN any more.

import type { Json, RunId, TenantId } from "../rules/names.ts";
import { type Answer, accept, refuse } from "../rules/refusal.ts";
import type { ResolveAs, Run } from "../rules/run.ts";
import type { Tx } from "../store/database.ts";
import type { LockedRun } from "../store/runs.ts";
import { checkOutputs } from "../workflows/outputs.ts";
import { applyHappening, hold } from "./changing.ts";
import type { EngineContext } from "./context.ts";

export interface ResolveWanted {
  readonly as: ResolveAs;
  /** With SUCCEEDED: the run's. */
  readonly outputs: Json;
  /** With FAILED: it is known that nothing took hold. */
  readonly nothingCommitted: boolean;
  /** The owner of the key. */
  readonly by: string;
  /** Sensitive (G11). */
  readonly note: string;
}

export async function resolveRun(
  context: EngineContext,
  tenantId: TenantId,
  id: RunId,
  wanted: ResolveWanted,
): Promise<Answer<RunId>> {
  const resolved = await context.database.sql.begin(async (tx): Promise<Answer<string[]>> => {
    const [known] = await tx`select 1 from runs where id = ${id} and tenant_id = ${tenantId}`;
    const held = known === undefined ? undefined : await hold(tx, id);
    if (held === undefined) return refuse("RUN_NOT_FOUND", "There is no such run.");
    const { locked, now } = held;
    const open = notUnknown(locked.run);
    if (open !== undefined) return refuse("RUN_NOT_UNKNOWN", open);
    const problems = wanted.as === "SUCCEEDED" ? await outputProblems(context, tx, locked, wanted.outputs) : [];
    if (problems.length > 0) {
      return refuse("OUTPUTS_INVALID", "The outputs do not fit the workflow's schema.", problems);
    }
    const { outputs, ...resolution } = wanted;
    const woken = await applyHappening(context, tx, held, {
      is: "resolved",
      resolution: { ...resolution, at: now },
      ...(wanted.as === "SUCCEEDED" ? { outputs } : {}),
    });
    if (woken === undefined) throw new Error(`run ${id} has ended UNKNOWN and cannot be settled`);
    return accept(woken);
  });
  if (!resolved.ok) return resolved;
  context.wakeup.publish(resolved.value);
  return accept(id);
}

/** Why there is nothing to settle, or not yet. */
function notUnknown({ state }: Run): string | undefined {
  switch (state.is) {
    case "ended":
      return state.outcome === "UNKNOWN"
        ? undefined
        : `The run has ended ${state.outcome}: there is nothing to settle.`;
    case "unsettled":
    case "verifying":
      return "The workflow's own verify steps are still to find out about the run. Wait, or cancel it to end that.";
    case "queued":
    case "running":
    case "cancelling":
      return "The run has not ended: if it had, somebody has settled it meanwhile.";
  }
}

async function outputProblems(context: EngineContext, tx: Tx, { workflowVersionId }: LockedRun, outputs: Json) {
  const program = await context.interpreters.program(tx, workflowVersionId);
  return checkOutputs(program, outputs).map(({ path, message }) => ({
    field: path === "" ? "outputs" : `outputs.${path}`,
    message,
  }));
}
