// Commands: saved before they are sent, ended by their result.

import type { CommandResult } from "../rules/happening.ts";
import type { AttemptId, Instant } from "../rules/names.ts";
import { json, type Tx } from "./database.ts";

export async function endCommand(tx: Tx, attemptId: AttemptId, result: CommandResult, now: Instant): Promise<void> {
  await tx`
    update commands set
      ended_at = ${now}::timestamptz,
      input = ${result.input},
      failure = ${json(result.failure)}::jsonb,
      output = ${json(result.output)}::jsonb,
      duration_ms = ${result.durationMs}
    where attempt_id = ${attemptId} and number = ${result.number} and ended_at is null`;
}
