// What begins on a machine, all in one transaction: the lease, the attempt under it, and the attempt's first command, which is
// saved before it is sent. The database's one-driver index refuses a second live lease whatever this code believes (G1).

import { v7 as uuid } from "uuid";
import type { AttemptPhase, AttemptPurpose } from "../rules/attempt.ts";
import type { CommandSpec } from "../rules/command.ts";
import { limits } from "../rules/limits.ts";
import type { ApplicationVersionId, AttemptId, Instant, LeaseId } from "../rules/names.ts";
import type { Run } from "../rules/run.ts";
import { beginRun } from "../rules/run-beginning.ts";
import { beginUpkeep } from "../rules/upkeep.ts";
import { afterCommit } from "../store/after-commit.ts";
import { json, type Tx } from "../store/database.ts";
import { latestApplication } from "../store/definitions.ts";
import { appendEvents } from "../store/events.ts";
import { inventoryDigest } from "../store/inventories.ts";
import { grantLease, isBack, type MachineRow, nextEpoch, saveStatus, type UncleanMachine } from "../store/machines.ts";
import { type LockedRun, saveRun } from "../store/runs.ts";
import type { EngineContext } from "./context.ts";
import { waitingSince } from "./metering.ts";

/** The run's next attempt, or its next verify attempt if it is unsettled. False when it does not wait any more. */
export async function beginWaiting(
  context: EngineContext,
  tx: Tx,
  locked: LockedRun,
  machine: MachineRow,
  now: Instant,
): Promise<boolean> {
  const asked = performance.now();
  const attemptId = uuid() as AttemptId;
  const begun = beginRun(locked.run, attemptId, now);
  if (begun === undefined) return false;
  const { purpose, deadlineAt } = begun;
  const run = purpose === "verify" ? await asSeen(tx, begun.run, now) : begun.run;
  const program = await context.interpreters.program(tx, locked.workflowVersionId);
  const application = await latestApplication(tx, locked.tenantId, program.application);
  if (application === undefined) return false;
  const interpreter = await context.interpreters.of(tx, locked.workflowVersionId, application.id, locked.inputs);
  const number = locked.attemptCount + 1;
  if (number === 1) {
    const waitedMs = now - waitingSince(locked);
    // What it takes to save it is waited for as well.
    afterCommit(tx, () => context.meter.placed(locked.tenantId, waitedMs + performance.now() - asked));
  }
  await Promise.all([
    begin(tx, locked, machine, {
      ...{
        attemptId,
        purpose,
        applicationVersionId: application.id,
        phase: "proving",
        command: interpreter.prove,
        now,
      },
      leaseEndsAt: deadlineAt + limits.abandonGraceMs * 2 + limits.cleanupMs,
    }),
    saveRun(tx, locked, run, { events: 1, attemptCount: number, now }),
    appendEvents(
      tx,
      run.id,
      locked.lastEvent,
      [{ kind: "PLACED", attempt: number, machine: machine.name, purpose }],
      now,
    ),
  ]);
  return true;
}

/** What verify steps do not find may still take hold while the machine is away, or has only just come back. */
async function asSeen(tx: Tx, run: Run, now: Instant): Promise<Run> {
  const { unsettled } = run;
  if (unsettled === undefined) throw new Error(`run ${run.id} has nothing to settle`);
  const away = !(await isBack(tx, unsettled.machineId, now - limits.verifyAfterMs));
  return { ...run, unsettled: { ...unsettled, away } };
}

/** Cleans up a machine after an attempt of the run, which goes on undisturbed elsewhere, or has ended. */
export async function beginCleanup(
  context: EngineContext,
  tx: Tx,
  locked: LockedRun,
  machine: MachineRow,
  { applicationVersionId, failure }: UncleanMachine,
  now: Instant,
): Promise<void> {
  const interpreter = await context.interpreters.of(tx, locked.workflowVersionId, applicationVersionId, locked.inputs);
  const first = beginUpkeep(interpreter, failure?.category);
  const leaseEndsAt = now + limits.upkeepMs;
  const attemptId = uuid() as AttemptId;
  await Promise.all([
    begin(tx, locked, machine, { attemptId, purpose: "upkeep", applicationVersionId, ...first, leaseEndsAt, now }),
    saveRun(tx, locked, locked.run, { events: 0, attemptCount: locked.attemptCount + 1, now }),
  ]);
}

interface Beginning {
  readonly attemptId: AttemptId;
  readonly purpose: AttemptPurpose;
  readonly applicationVersionId: ApplicationVersionId;
  readonly phase: AttemptPhase;
  readonly command: CommandSpec;
  readonly leaseEndsAt: Instant;
  readonly now: Instant;
}

async function begin(tx: Tx, locked: LockedRun, machine: MachineRow, beginning: Beginning): Promise<void> {
  const { attemptId, purpose, command, now } = beginning;
  const leaseId = uuid() as LeaseId;
  const number = locked.attemptCount + 1;
  const epoch = await nextEpoch(tx, machine.id, undefined);
  await tx`
    insert into attempts (id, tenant_id, run_id, number, purpose, machine_id, lease_id, application_version_id, phase,
      command_number, command_deadline_at, commit_label, started_at, inventory_digest)
    values (${attemptId}, ${locked.tenantId}, ${locked.run.id}, ${number}, ${purpose}, ${machine.id}, ${leaseId},
      ${beginning.applicationVersionId}, ${beginning.phase}, 1,
      ${now + command.timeoutMs + limits.resultGraceMs}::timestamptz, 'BEFORE_COMMIT', ${now}::timestamptz,
      (select ${inventoryDigest(tx)} from machines m where m.id = ${machine.id}))`;
  await Promise.all([
    tx`insert into commands (attempt_id, number, spec, saved_at)
       values (${attemptId}, 1, ${json(command)}::jsonb, ${now}::timestamptz)`,
    grantLease(tx, {
      ...{ id: leaseId, tenantId: locked.tenantId, machineId: machine.id, purpose, epoch, attemptId, now },
      deadlineAt: beginning.leaseEndsAt,
    }),
    saveStatus(tx, machine.id, { is: "busy" }, now),
  ]);
}
