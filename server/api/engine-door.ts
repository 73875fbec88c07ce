// The door of production: reads from the store, changes by the engine.

import { artifactBlob, healthBlob } from "../engine/artifacts.ts";
import { cancelRun } from "../engine/cancelling.ts";
import type { EngineContext } from "../engine/context.ts";
import { cordonMachine, releaseMachine } from "../engine/cordoning.ts";
import { putApplication, putWorkflow } from "../engine/defining.ts";
import { createEnrolmentToken, revokeEnrolmentToken, revokeMachine } from "../engine/enrolling.ts";
import { explainRun } from "../engine/explaining.ts";
import { halt, resume } from "../engine/halting.ts";
import { createKey, revokeKey } from "../engine/keys.ts";
import { removeLimit, setLimit } from "../engine/limiting.ts";
import { moveRunToFront } from "../engine/moving.ts";
import { pause, unpause } from "../engine/pausing.ts";
import { purgeRun } from "../engine/purging.ts";
import { addRelease, uploadPiece } from "../engine/releases.ts";
import { resolveRun } from "../engine/resolving.ts";
import { retentionInForce, setRetention } from "../engine/retention.ts";
import { resumeNewestRollout, startRollout, stopNewestRollout, viewRollout } from "../engine/rolling-out.ts";
import { keySpent, newRunId, startRun } from "../engine/starting.ts";
import type { MachineId, RunId, TenantId } from "../rules/names.ts";
import { type Answer, accept, refuse } from "../rules/refusal.ts";
import { listArtifacts, readArtifact } from "../store/artifact-reads.ts";
import { listLimits } from "../store/concurrency.ts";
import { type DefinitionTable, listDefinitions, readDefinition } from "../store/definition-reads.ts";
import { eventsBehind, newestEvent } from "../store/event-stream.ts";
import { eventsAfter } from "../store/events.ts";
import { readFailureContext } from "../store/failure-context.ts";
import { listHalts } from "../store/halts.ts";
import { findKey, listEnrolmentTokens, listKeys } from "../store/key-reads.ts";
import { listMachines, readHealthAt, readMachineView } from "../store/machine-reads.ts";
import { listPauses } from "../store/pauses.ts";
import { listReleases } from "../store/releases.ts";
import { listRuns, readAttempts, readOutputs, readRun, readRunView } from "../store/run-reads.ts";
import type { DefinitionDoor, Door, MachineDoor, ReleaseDoor, RunDoor, RunStarted, RunWanted } from "./door.ts";
import type { Authenticate } from "./keyring.ts";

/** Runs of one StartRuns that are saved at the same time: a part of the connections, so that other calls get theirs. */
const startsAtOnce = 8;

export const engineDoor = (context: EngineContext): Door => ({
  runs: runDoor(context),
  workflows: definitionDoor(context, "workflow_versions", putWorkflow),
  applications: definitionDoor(context, "application_versions", putApplication),
  artifacts: {
    list: (tenant, run) => listArtifacts(context.database.sql, tenant, run),
    read: (tenant, id) => readArtifact(context.database.sql, tenant, id),
    content: ({ runId, id }) => context.blobs.get(artifactBlob(runId, id)),
  },
  machines: machineDoor(context),
  halts: {
    halt: (tenant, wanted) => halt(context, tenant, wanted),
    resume: (tenant, wanted) => resume(context, tenant, wanted),
    list: (tenant, limit) => listHalts(context.database.sql, tenant, limit),
  },
  retention: {
    read: (tenant) => retentionInForce(context, tenant),
    set: (tenant, wanted) => setRetention(context, tenant, wanted),
  },
  queue: {
    pause: (tenant, wanted) => pause(context, tenant, wanted),
    unpause: (tenant, wanted) => unpause(context, tenant, wanted),
    listPauses: (tenant, limit) => listPauses(context.database.sql, tenant, limit),
    setLimit: (tenant, wanted) => setLimit(context, tenant, wanted),
    removeLimit: (tenant, target) => removeLimit(context, tenant, target),
    listLimits: (tenant, limit) => listLimits(context.database.sql, tenant, limit),
  },
  keys: {
    create: async (tenant, wanted) => accept(await createKey(context, tenant, wanted)),
    list: (tenant, before, limit) => listKeys(context.database.sql, tenant, before, limit),
    revoke: (tenant, id) => revokeKey(context, tenant, id),
  },
  releases: releaseDoor(context),
});

export const authenticator =
  ({ database }: Pick<EngineContext, "database">): Authenticate =>
  async (hash) => {
    const key = await findKey(database.sql, hash);
    return key === undefined ? undefined : { ...key, expiresAt: key.expiresAt ?? undefined };
  };

function machineDoor(context: EngineContext): MachineDoor {
  const { sql } = context.database;
  const after = async (tenant: TenantId, changed: Answer<MachineId>) =>
    changed.ok ? there(await readMachineView(sql, tenant, changed.value), "machine") : changed;
  return {
    list: (tenant, filter, after, limit) => listMachines(sql, tenant, filter, after, limit),
    read: (tenant, machine) => readMachineView(sql, tenant, machine),
    async screenshot(tenant, id) {
      const takenAt = await readHealthAt(sql, tenant, id);
      const png = takenAt === null ? undefined : await context.blobs.get(healthBlob(id));
      return takenAt === null || png === undefined ? undefined : { png, takenAt };
    },
    revoke: async (tenant, id) => after(tenant, await revokeMachine(context, tenant, id)),
    cordon: async (tenant, id, wanted) => after(tenant, await cordonMachine(context, tenant, id, wanted)),
    release: async (tenant, id) => after(tenant, await releaseMachine(context, tenant, id)),
    createToken: async (tenant, wanted) => accept(await createEnrolmentToken(context, tenant, wanted)),
    listTokens: (tenant, before, limit) => listEnrolmentTokens(sql, tenant, before, limit),
    revokeToken: (tenant, id) => revokeEnrolmentToken(context, tenant, id),
  };
}

function runDoor(context: EngineContext): RunDoor {
  const { sql } = context.database;
  async function start(tenant: TenantId, wanted: RunWanted, id = newRunId()): Promise<Answer<RunStarted>> {
    const { priority, idempotencyKey = "", ...request } = wanted;
    // Zero is the workflow's own.
    const answer = await startRun(
      context,
      tenant,
      {
        ...request,
        idempotencyKey,
        ...(priority === 0 ? {} : { priority }),
      },
      id,
    );
    if (!answer.ok) return answer;
    const run = await readRunView(sql, tenant, answer.value.runId);
    if (run === undefined) return idempotencyKey === "" ? deleted() : keySpent();
    return accept({ run, existed: answer.value.existed, unmet: answer.value.unmet });
  }
  return {
    startRun: start,
    async startRuns(tenant, wanted) {
      const answers: Answer<RunStarted>[] = [];
      const ids = wanted.map(() => newRunId());
      for (let next = 0; next < wanted.length; next += startsAtOnce) {
        const some = wanted.slice(next, next + startsAtOnce);
        answers.push(...(await Promise.all(some.map((each, i) => start(tenant, each, ids[next + i])))));
      }
      return answers;
    },
    async cancelRun(tenant: TenantId, id: RunId) {
      const cancelled = await cancelRun(context, tenant, id);
      return cancelled.ok ? orDeleted(await readRunView(sql, tenant, id)) : cancelled;
    },
    async moveRunToFront(tenant, id) {
      const moved = await moveRunToFront(context, tenant, id);
      return moved.ok ? orDeleted(await readRunView(sql, tenant, id)) : moved;
    },
    async resolveRun(tenant, id, wanted) {
      const resolved = await resolveRun(context, tenant, id, wanted);
      return resolved.ok ? orDeleted(await readRun(sql, tenant, id)) : resolved;
    },
    purgeRun: (tenant, id) => purgeRun(context, tenant, id),
    explainRun: (tenant, id) => explainRun(context, tenant, id),
    readRun: (tenant, id) => readRun(sql, tenant, id),
    readRunView: (tenant, id) => readRunView(sql, tenant, id),
    readOutputs: (tenant, id) => readOutputs(sql, tenant, id),
    readAttempts: (tenant, id) => readAttempts(sql, tenant, id),
    readFailureContext: (tenant, id) => readFailureContext(sql, tenant, id),
    listRuns: (tenant, filter, before, limit) => listRuns(sql, tenant, filter, before, limit),
    eventsAfter: (tenant, id, after, limit) => eventsAfter(sql, tenant, id, after, limit),
    newestEvent: (tenant) => newestEvent(sql, tenant),
    eventsBehind: (tenant, filter, after, limit) => eventsBehind(sql, tenant, filter, after, limit),
  };
}

const definitionDoor = (context: EngineContext, table: DefinitionTable, put: typeof putWorkflow): DefinitionDoor => ({
  put: (tenant, wanted) => put(context, tenant, wanted),
  read: (tenant, name, version) => readDefinition(context.database.sql, table, tenant, name, version),
  list: (tenant, after, limit) => listDefinitions(context.database.sql, table, tenant, after, limit),
});

function releaseDoor(context: EngineContext): ReleaseDoor {
  const { sql } = context.database;
  const view = async (tenant: TenantId, changed: Answer<unknown>) =>
    changed.ok ? there(await viewRollout(context, tenant), "rollout") : changed;
  return {
    add: (tenant, release) => addRelease(context, tenant, release),
    upload: (tenant, id, offset, data) => uploadPiece(context, tenant, id, offset, data),
    list: (tenant, before, limit) => listReleases(sql, tenant, before, limit),
    startRollout: async (tenant, wanted) => view(tenant, await startRollout(context, tenant, wanted)),
    readRollout: (tenant) => viewRollout(context, tenant),
    stopRollout: async (tenant) => view(tenant, await stopNewestRollout(context, tenant)),
    resumeRollout: async (tenant) => view(tenant, await resumeNewestRollout(context, tenant)),
  };
}

/** A run that was just changed; it may have been deleted since. */
const orDeleted = <T>(run: T | undefined): Answer<T> => (run === undefined ? deleted() : accept(run));

const deleted = () => refuse("RUN_NOT_FOUND", "There is no such run any more.");

/** What was just changed, and nobody deletes; that it is gone since is a fault. */
function there<T>(row: T | undefined, what: string): Answer<T> {
  if (row === undefined) throw new Error(`the ${what} that was just changed is not there`);
  return accept(row);
}
