// What a change of a run and its attempt is to the meter, told once it is committed.

import type { Attempt } from "../rules/attempt.ts";
import type { RunChange } from "../rules/happening.ts";
import type { Instant } from "../rules/names.ts";
import type { UpkeepChange } from "../rules/upkeep.ts";
import { afterCommit } from "../store/after-commit.ts";
import type { Tx } from "../store/database.ts";
import type { LockedRun } from "../store/runs.ts";
import type { EngineContext } from "./context.ts";

/** Since when a run has waited that has had no machine yet: since it was started, or its time had come. */
export const waitingSince = ({ createdAt, notBeforeAt }: LockedRun): Instant => Math.max(createdAt, notBeforeAt ?? 0);

/** `before`: the attempt as it was. */
export function meterChange(
  { meter }: EngineContext,
  tx: Tx,
  locked: LockedRun,
  before: Attempt | undefined,
  change: RunChange | UpkeepChange,
  now: Instant,
): void {
  const { tenantId, workflow, application } = locked;
  const { attempt, ended } = change;
  if (attempt !== undefined && ended !== undefined) {
    const { purpose, failure } = attempt;
    const why = ended === "failed" && failure !== undefined ? { category: failure.category } : {};
    afterCommit(tx, () => meter.attemptEnded(tenantId, { application, purpose, outcome: ended, ...why }));
  }
  if (attempt !== undefined && before !== undefined && isFirstStep(before, attempt)) {
    const placedAt = locked.startedAt ?? now;
    afterCommit(tx, () => meter.firstStep(tenantId, now - placedAt));
  }
  const state = "run" in change ? change.run.state : undefined;
  if (state?.is === "ended" && locked.run.state.is !== "ended") {
    afterCommit(tx, () => meter.runEnded(tenantId, workflow, state.outcome));
  }
}

/** A proof that is READY is followed by the first step, and by nothing else. */
const isFirstStep = (before: Attempt, after: Attempt): boolean =>
  after.number === 1 && before.phase === "proving" && after.phase === "stepping";
