// A person has a run deleted, with all that belongs to it, before its time (G11). Only one that has ended, and after which no
// machine is to be cleaned up; one that ended UNKNOWN and that nobody has settled too.

import type { RunId, TenantId } from "../rules/names.ts";
import { type Answer, accept, refuse } from "../rules/refusal.ts";
import { whyNotPurged } from "../rules/retention.ts";
import { readNow } from "../store/database.ts";
import { deleteRuns, lockRunToPurge, readKept } from "../store/retention.ts";
import { topics } from "../store/wakeup.ts";
import { runBlobs } from "./artifacts.ts";
import type { EngineContext } from "./context.ts";

const messages = {
  RUN_NOT_ENDED: "The run has not ended: cancel it first.",
  RUN_IN_USE: "A machine is still to be cleaned up after the run: let it come back, or revoke it.",
} as const;

export async function purgeRun(context: EngineContext, tenantId: TenantId, id: RunId): Promise<Answer<RunId>> {
  const answer = await context.database.sql.begin(async (tx): Promise<Answer<RunId>> => {
    const [run] = (await lockRunToPurge(tx, tenantId, id)) ? await readKept(tx, [id]) : [];
    if (run === undefined) return refuse("RUN_NOT_FOUND", "There is no such run.");
    const why = whyNotPurged(run);
    if (why !== undefined) return refuse(why, messages[why]);
    // Before the rows: whoever is killed here leaves a run that can be purged again.
    await context.blobs.deleteAll(runBlobs(id));
    await deleteRuns(tx, [id], await readNow(tx));
    return accept(id);
  });
  if (answer.ok) context.wakeup.publish([topics.run(id)]);
  return answer;
}
