// One machine and the release that is wanted on it: what its agent is told, and what it answers.

import { advanceLease } from "../rules/lease.ts";
import type { MachineId, RolloutId } from "../rules/names.ts";
import type { ReleaseReport } from "../rules/release.ts";
import { isWantedOn } from "../rules/rollout.ts";
import { readNow } from "../store/database.ts";
import { endLease, leaseOf, lockMachine, readLiveLease, saveReleaseReport } from "../store/machines.ts";
import { type MachineRelease, readMachineRelease } from "../store/releases.ts";
import { endGrant } from "../store/rollouts.ts";
import { topics } from "../store/wakeup.ts";
import type { EngineContext } from "./context.ts";

export interface WantedRelease {
  readonly rolloutId: RolloutId;
  readonly release: MachineRelease["release"];
  /** The machine is kept for its restart: the agent may go. */
  readonly granted: boolean;
}

/** Undefined: no other than the one that runs. */
export async function readWantedRelease(context: EngineContext, id: MachineId): Promise<WantedRelease | undefined> {
  const found = await readMachineRelease(context.database.sql, id);
  if (found === undefined || found.state === "stopped") return undefined;
  const { rolloutId, release, granted } = found;
  const rollout = { version: found.rolloutVersion, stage: { is: found.state } };
  return isWantedOn(rollout, found) ? { rolloutId, release, granted } : undefined;
}

/** An agent says how far it is. One that was told to restart and says that it will not is free for runs again. */
export async function reportRelease(context: EngineContext, id: MachineId, report: ReleaseReport): Promise<void> {
  const freed = await context.database.sql.begin(async (tx) => {
    if ((await lockMachine(tx, id)) === undefined) return false;
    await saveReleaseReport(tx, id, report);
    if (report.is !== "failed") return false;
    await endGrant(tx, id);
    const [lease, now] = [await readLiveLease(tx, id), await readNow(tx)];
    if (lease === undefined || advanceLease(leaseOf(lease), { is: "declined" }, now) !== "ended") return false;
    await endLease(tx, id, lease.id, now);
    return true;
  });
  // The rollout's own loop looks soon enough; a fleet that reports at once wakes nobody.
  if (freed) context.wakeup.publish([topics.machine(id), topics.placing]);
}
