// An agent's result moves its run.

import { validate as isUuid } from "uuid";
import type { AttemptPurpose } from "../rules/attempt.ts";
import type { CommandResult } from "../rules/happening.ts";
import type { AttemptId, MachineId, RunId } from "../rules/names.ts";
import { changeRun } from "./changing.ts";
import type { EngineContext } from "./context.ts";

/**
 * Saves a command's result. Resolves when it is saved, or known to be late or repeated: either way the agent may drop it.
 * Only the attempt's own machine is believed (G12).
 */
export async function report(
  context: EngineContext,
  machineId: MachineId,
  attemptId: AttemptId,
  result: CommandResult,
): Promise<void> {
  // Acknowledged like any other that is not the machine's: it would be sent again for ever.
  if (!isUuid(attemptId)) return;
  const [row] = await context.database.sql<{ runId: RunId; purpose: AttemptPurpose }[]>`
    select run_id, purpose from attempts where id = ${attemptId} and machine_id = ${machineId}`;
  if (row === undefined) return;
  const upkeepId = row.purpose === "upkeep" ? attemptId : undefined;
  await changeRun(context, row.runId, { is: "result", result }, { only: attemptId, upkeepId });
}
