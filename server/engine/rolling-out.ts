// Rollouts: begun, stopped and resumed by an operator, and moved on by a loop that looks at the whole fleet. What is decided
// is in rules/rollout.ts.
//
// Lock order: a rollout, then machines, then their parts in the rollout. Whoever holds a machine asks for no rollout.

import { v7 as uuid } from "uuid";
import type { LeaseId, MachineId, RolloutId, TenantId } from "../rules/names.ts";
import { type Answer, accept, refuse } from "../rules/refusal.ts";
import type { RolloutFault } from "../rules/release.ts";
import {
  advanceRollout,
  countRing,
  isRetrying,
  type RingCount,
  type RolloutStage,
  resumeRollout,
  rolloutLimits,
  standing,
  stopRollout,
} from "../rules/rollout.ts";
import { readNow, type Tx } from "../store/database.ts";
import { forgetReports, grantLease, lockIdle, nextEpoch, saveStatus } from "../store/machines.ts";
import {
  insertRollout,
  lockRollout,
  newestRollout,
  type RolloutRow,
  readFleet,
  rolloutsToAdvance,
  saveAccepted,
  saveCanaries,
  saveGranted,
  saveKeptFree,
  saveStage,
} from "../store/rollouts.ts";
import { topics } from "../store/wakeup.ts";
import type { EngineContext } from "./context.ts";
import { errorText } from "./loop.ts";

export interface RolloutWanted {
  readonly version: string;
  readonly canaryCount: number | undefined;
  readonly soakMs: number | undefined;
}

export async function startRollout(
  context: EngineContext,
  tenantId: TenantId,
  wanted: RolloutWanted,
): Promise<Answer<RolloutId>> {
  const id = uuid() as RolloutId;
  const answer = await context.database.sql.begin(async (tx): Promise<Answer<RolloutId>> => {
    // One at a time in a tenant: of two that are started together the second sees the first.
    await tx`select 1 from tenants where id = ${tenantId} for no key update`;
    const before = await newestRollout(tx, tenantId);
    if (before !== undefined && before.stage.is !== "done" && before.stage.is !== "stopped") {
      return refuse("ROLLOUT_RUNNING", `The rollout of ${before.version} is under way.`);
    }
    const { version, canaryCount, soakMs = rolloutLimits.soakMs } = wanted;
    const createdAt = await readNow(tx);
    // What machines said of an earlier try is old news: its cause may be gone, and those for whom it is not say it again.
    await forgetReports(tx, tenantId);
    await insertRollout(tx, { id, tenantId, version, canaryCount, soakMs, createdAt });
    const begun = await newestRollout(tx, tenantId);
    if (begun === undefined || begun.executables.length === 0) {
      await tx`delete from rollouts where id = ${id}`;
      return refuse("RELEASE_NOT_FOUND", `There is no release ${version}, or not all of it has been uploaded.`);
    }
    return accept(id);
  });
  if (answer.ok) context.wakeup.publish([topics.rollouts]);
  return answer;
}

type Change = (tx: Tx, rollout: RolloutRow) => Promise<RolloutStage>;

/** Changes the stage of the newest rollout. */
async function change(context: EngineContext, tenantId: TenantId, to: Change): Promise<Answer<RolloutId>> {
  const answer = await context.database.sql.begin(async (tx): Promise<Answer<RolloutId>> => {
    const newest = await newestRollout(tx, tenantId);
    const rollout = newest === undefined ? undefined : await lockRollout(tx, newest.id, "wait");
    if (rollout === undefined) return refuse("ROLLOUT_NOT_FOUND", "Nothing has been rolled out.");
    const stage = await to(tx, rollout);
    if (stage !== rollout.stage) await saveStage(tx, rollout.id, stage, await readNow(tx));
    if (stage.is === "stopped") await saveKeptFree(tx, tenantId, []);
    return accept(rollout.id);
  });
  if (answer.ok) context.wakeup.publish([topics.rollouts, topics.placing]);
  return answer;
}

export const stopNewestRollout = (context: EngineContext, tenantId: TenantId): Promise<Answer<RolloutId>> =>
  change(context, tenantId, async (_tx, { stage }) => stopRollout(stage));

/** The machines that have failed until now are left as they are. */
export const resumeNewestRollout = (context: EngineContext, tenantId: TenantId): Promise<Answer<RolloutId>> =>
  change(context, tenantId, async (tx, rollout) => {
    const stage = resumeRollout(rollout.stage);
    if (stage === rollout.stage) return stage;
    const now = await readNow(tx);
    const fleet = await readFleet(tx, rollout);
    const failed = fleet.filter((m) => standing({ ...rollout, stage }, m, now).is === "failed");
    await saveAccepted(
      tx,
      rollout,
      failed.map((m) => m.id),
    );
    return stage;
  });

export interface RolloutView {
  readonly rollout: RolloutRow;
  readonly canaries: RingCount;
  readonly rest: RingCount;
  readonly leftOut: number;
  /** The names of the machines whose last download did not come through. */
  readonly retrying: readonly string[];
  readonly failures: readonly {
    readonly machine: string;
    readonly fault: RolloutFault;
    readonly accepted: boolean;
  }[];
}

/** The newest rollout and where each machine is, at this moment. */
export async function viewRollout(context: EngineContext, tenantId: TenantId): Promise<RolloutView | undefined> {
  const { sql } = context.database;
  const rollout = await newestRollout(sql, tenantId);
  if (rollout === undefined) return undefined;
  const now = await readNow(sql);
  const fleet = (await readFleet(sql, rollout)).map((m) => ({ ...m, standing: standing(rollout, m, now) }));
  const ring = (canary: boolean) =>
    countRing(
      rollout,
      fleet.filter((m) => m.canary === canary),
      now,
    );
  return {
    rollout,
    canaries: ring(true),
    rest: ring(false),
    leftOut: fleet.filter((m) => m.standing.is === "left-out").length,
    retrying: fleet.filter((m) => isRetrying(rollout, m, now)).map((m) => m.name),
    failures: fleet.flatMap(({ name: machine, standing: at, accepted }) =>
      at.is === "failed" ? [{ machine, fault: at.fault, accepted }] : [],
    ),
  };
}

/** One pass over all tenants. A rollout that cannot be moved on holds up no other. */
export async function rollOutAll(context: EngineContext): Promise<void> {
  for (const id of await rolloutsToAdvance(context.database.sql)) {
    try {
      await rollOut(context, id);
    } catch (error) {
      context.log.warn("a rollout could not be moved on", { rollout: id, error: errorText(error) });
    }
  }
}

async function rollOut(context: EngineContext, id: RolloutId): Promise<void> {
  const woken = await context.database.sql.begin(async (tx) => {
    const rollout = await lockRollout(tx, id, "skip");
    if (rollout === undefined) return [];
    const now = await readNow(tx);
    const fleet = await readFleet(tx, rollout);
    const step = advanceRollout(rollout, fleet, now);
    const topicsWoken: string[] = [];
    await saveKeptFree(tx, rollout.tenantId, step.keepFree);
    for (const machineId of await grantRestarts(tx, rollout, step.grants)) {
      topicsWoken.push(topics.machine(machineId), topics.release(machineId));
    }
    const before = fleet.filter((m) => m.canary).map((m) => m.id);
    const changed = [
      ...step.canaries.filter((id) => !before.includes(id)),
      ...before.filter((id) => !step.canaries.includes(id)),
    ];
    if (changed.length > 0) {
      await saveCanaries(tx, rollout, step.canaries);
      topicsWoken.push(...changed.map(topics.release));
    }
    if (step.stage.is !== rollout.stage.is) {
      await saveStage(tx, id, step.stage, now);
      context.log.info("a rollout moved on", { rollout: id, version: rollout.version, state: step.stage.is });
      topicsWoken.push(topics.rollouts);
    }
    return topicsWoken;
  });
  context.wakeup.publish(woken);
}

/** Takes the machines by a lease, so that no run is placed on them, and says that they were told. Returns whom it got. */
async function grantRestarts(tx: Tx, rollout: RolloutRow, ids: readonly MachineId[]): Promise<MachineId[]> {
  if (ids.length === 0) return [];
  const machines = await lockIdle(tx, [...ids].sort());
  // Read once more: waiting for locks takes time, and a lease has its whole length.
  const now = await readNow(tx);
  for (const machine of machines) {
    await grantLease(tx, {
      id: uuid() as LeaseId,
      tenantId: rollout.tenantId,
      machineId: machine.id,
      purpose: "service",
      epoch: await nextEpoch(tx, machine.id, undefined),
      attemptId: null,
      deadlineAt: now + rolloutLimits.returnMs,
      now,
    });
    await saveStatus(tx, machine.id, { is: "busy" }, now);
    await saveGranted(tx, rollout, machine.id, now);
  }
  return machines.map((machine) => machine.id);
}
