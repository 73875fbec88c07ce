// The services of the fake API: just enough of each that clients and their commands can be tried.

import { durationFromMs, timestampFromDate, timestampNow } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { ApplicationService } from "../../sdk/gen/drover/v1/application_pb.ts";
import { ArtifactKind, ArtifactService } from "../../sdk/gen/drover/v1/artifact_pb.ts";
import type { Reason } from "../../sdk/gen/drover/v1/error_pb.ts";
import { KeyService, Scope } from "../../sdk/gen/drover/v1/key_pb.ts";
import { MachineService, MachineStatus } from "../../sdk/gen/drover/v1/machine_pb.ts";
import { Outcome } from "../../sdk/gen/drover/v1/outcome_pb.ts";
import { ReleaseService, RolloutFault, RolloutState, StopReason } from "../../sdk/gen/drover/v1/release_pb.ts";
import { RunService, RunState } from "../../sdk/gen/drover/v1/run_pb.ts";
import { WorkflowService } from "../../sdk/gen/drover/v1/workflow_pb.ts";
import { BadRequestSchema, ErrorInfoSchema } from "../../sdk/gen/google/rpc/error_details_pb.ts";
import { addRun, type FakeRun, type FakeState } from "./fake-api.ts";
import { fakeHalts, fakeQueue } from "./fake-operators.ts";

/** Good for everything; "caller-key" is good for runs and workflows only. */
export const adminKey = "admin-key";

export const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** A refusal as the server sends it. */
export function refusal(code: Code, reason: keyof typeof Reason, message: string, violations: [string, string][] = []) {
  const info = { desc: ErrorInfoSchema, value: { reason, domain: "drover" } };
  const fieldViolations = violations.map(([field, description]) => ({ field, description }));
  const bad = { desc: BadRequestSchema, value: { fieldViolations } };
  return new ConnectError(message, code, undefined, violations.length > 0 ? [info, bad] : [info]);
}

/** Serves the state. */
export function fakeServices(router: ConnectRouter, state: FakeState): void {
  /** Counts the call, checks the key, and lets the test's fault happen. */
  async function enter(context: HandlerContext, adminOnly = false): Promise<void> {
    const call = (state.calls.get(context.method.name) ?? 0) + 1;
    state.calls.set(context.method.name, call);
    const key = context.requestHeader.get("authorization");
    if (key !== `Bearer ${adminKey}` && key !== "Bearer caller-key") {
      throw refusal(Code.Unauthenticated, "UNAUTHENTICATED", "No key was sent, or it is not known.");
    }
    if (adminOnly && key !== `Bearer ${adminKey}`) {
      throw refusal(Code.PermissionDenied, "SCOPE_INSUFFICIENT", "This call needs a key with scope ADMIN.");
    }
    await state.before.get(context.method.name)?.(call);
  }
  function find(runId: string): FakeRun {
    const run = state.runs.find((each) => each.run.id === runId);
    if (run === undefined) throw refusal(Code.NotFound, "RUN_NOT_FOUND", `There is no run ${runId}.`);
    return run;
  }

  router.service(RunService, {
    async startRun(request, context) {
      const existing = state.runs.find((each) => each.idempotencyKey === request.idempotencyKey);
      if (request.workflow === "no.such") {
        throw refusal(Code.NotFound, "WORKFLOW_NOT_FOUND", "There is no workflow no.such.");
      }
      if (request.inputs?.["text"] === 7) {
        const problem: [string, string] = ["inputs.text", "must be a string"];
        throw refusal(Code.InvalidArgument, "INPUTS_INVALID", "The inputs do not fit.", [problem]);
      }
      const id = `01980000-0000-7000-9000-${String(state.runs.length + 1).padStart(12, "0")}`;
      const fields = request.notBefore === undefined ? {} : { notBefore: request.notBefore };
      const { run } = existing ?? addRun(state, id, request.workflow, request.idempotencyKey, fields);
      // After the run was saved: an answer that is lost here must not make a second run.
      await enter(context);
      return { run, existed: existing !== undefined, unmet: state.explanation.unmet ?? "" };
    },
    async startRuns(request, context) {
      await enter(context);
      const results = request.runs.map(({ workflow, idempotencyKey }, index) => {
        if (workflow === "no.such") {
          const value = { reason: "WORKFLOW_NOT_FOUND", message: "There is no workflow no.such." };
          return { result: { case: "refusal" as const, value } };
        }
        const id = `01980000-0000-7000-a000-${String(index + 1).padStart(12, "0")}`;
        const { run } = addRun(state, id, workflow, idempotencyKey);
        return { result: { case: "started" as const, value: { run, existed: false } } };
      });
      return { results };
    },
    async getRun({ runId }, context) {
      await enter(context);
      return { run: find(runId).run };
    },
    async listRuns(request, context) {
      await enter(context);
      const rows = state.runs
        .map(({ run }) => run)
        .filter((run) => request.workflow === "" || run.workflow === request.workflow)
        .filter((run) => request.state === 0 || run.state === request.state)
        .filter((run) => request.outcome === 0 || run.outcome === request.outcome)
        .filter((run) => request.caller === "" || run.caller === request.caller)
        .reverse();
      const from = Number(request.pageToken || 0);
      const to = from + (request.pageSize || 50);
      return { runs: rows.slice(from, to), nextPageToken: to < rows.length ? String(to) : "" };
    },
    async explainRun({ runId }, context) {
      await enter(context);
      return { explanation: { ...state.explanation, runId: find(runId).run.id } };
    },
    async cancelRun({ runId }, context) {
      await enter(context);
      const { run } = find(runId);
      if (run.state === RunState.ENDED) {
        throw refusal(Code.FailedPrecondition, "RUN_ENDED", "The run has ended: there is nothing to cancel.");
      }
      run.state = RunState.CANCELLING;
      return { run };
    },
    async purgeRun({ runId }, context) {
      await enter(context, true);
      const found = find(runId);
      if (found.run.state !== RunState.ENDED) {
        throw refusal(Code.FailedPrecondition, "RUN_NOT_ENDED", "The run has not ended: cancel it first.");
      }
      state.runs.splice(state.runs.indexOf(found), 1);
      return {};
    },
    async moveRunToFront({ runId }, context) {
      await enter(context, true);
      const { run } = find(runId);
      if (run.state !== RunState.QUEUED) {
        throw refusal(Code.FailedPrecondition, "RUN_NOT_WAITING", "The run has ended: there is nothing to move.");
      }
      run.movedToFront = true;
      return { run };
    },
    async resolveRun({ runId, resolveAs, outputs, nothingCommitted, note }, context) {
      await enter(context, true);
      const { run } = find(runId);
      state.resolutions.push({ resolveAs, outputs, nothingCommitted, note });
      return { run };
    },
    async *watchRun({ runId, afterEvent }, context) {
      state.watchedAfter.push(Number(afterEvent));
      await enter(context);
      const { events } = find(runId);
      if (Number(afterEvent) === events.length && events.at(-1)?.outcome !== 0) return;
      let sent = state.repeatEvents ? 0 : Number(afterEvent);
      while (!context.signal.aborted) {
        const event = state.silent ? undefined : events[sent];
        if (event === undefined) {
          const waits = Promise.withResolvers<void>();
          state.changed.addEventListener("change", () => waits.resolve(), { once: true });
          context.signal.addEventListener("abort", () => waits.resolve(), { once: true });
          // A sign of life: it also makes the headers go out.
          if (!state.silent) yield {};
          if ((state.silent ? undefined : events[sent]) === undefined) await waits.promise;
          continue;
        }
        sent++;
        if (Number(event.number) === state.skipOnce) {
          state.skipOnce = undefined;
          continue;
        }
        yield { event };
        // After an UNKNOWN there may be more to tell.
        if (event.outcome !== 0 && (event.outcome !== Outcome.UNKNOWN || sent === events.length)) return;
      }
    },
    async *watchRuns({ workflow, kinds, cursor }, context) {
      state.watchedFrom.push(cursor);
      await enter(context);
      const [, from = cursor === "" ? state.told.length : undefined] = /^at-(\d+)$/.exec(cursor) ?? [];
      if (from === undefined)
        throw refusal(Code.InvalidArgument, "CURSOR_INVALID", "The cursor is of another database.");
      let at = Number(from);
      yield { cursor: `at-${at}` };
      while (!context.signal.aborted) {
        const told = state.silent ? undefined : state.told[at];
        if (told === undefined) {
          const waits = Promise.withResolvers<void>();
          state.changed.addEventListener("change", () => waits.resolve(), { once: true });
          context.signal.addEventListener("abort", () => waits.resolve(), { once: true });
          await waits.promise;
          continue;
        }
        at++;
        const { run, event } = told;
        const fits =
          (workflow === "" || run.workflow === workflow) && (kinds.length === 0 || kinds.includes(event.kind));
        yield fits ? { event, runId: run.id, workflow: run.workflow, cursor: `at-${at}` } : { cursor: `at-${at}` };
      }
    },
  });

  const definition = (source: string) => {
    const name = /^(?:workflow|application):\s*(\S+)/m.exec(source)?.[1];
    if (name !== undefined) return { name, version: 1, createdAt: timestampNow() };
    const problem: [string, string] = ["line 1", "needs a name"];
    throw refusal(Code.InvalidArgument, "DEFINITION_INVALID", "The definition has problems.", [problem]);
  };
  router.service(WorkflowService, {
    async putWorkflow({ source, files }, context) {
      await enter(context, true);
      if (source.includes("steps: nonsense")) {
        const problem: [string, string] = ["line 3, steps", "must be a list"];
        throw refusal(Code.InvalidArgument, "DEFINITION_INVALID", "The definition has problems.", [problem]);
      }
      const application = Object.keys(files).join(",");
      return { workflow: { ...definition(source), application } };
    },
    getWorkflow: async ({ name }, context) => {
      await enter(context);
      return { workflow: { name, version: 1, application: "mousepad", source: `workflow: ${name}\n` } };
    },
    listWorkflows: async (_request, context) => {
      await enter(context);
      return { workflows: [{ name: "notes.save", version: 3, application: "mousepad", createdAt: timestampNow() }] };
    },
  });
  router.service(ApplicationService, {
    putApplication: async ({ source }, context) => {
      await enter(context, true);
      return { application: definition(source) };
    },
    getApplication: async ({ name }) => ({ application: { name, version: 1 } }),
    listApplications: async () => ({ applications: [{ name: "mousepad", version: 2, createdAt: timestampNow() }] }),
  });
  fakeMachines(router, enter);
}

export type Enter = (context: HandlerContext, adminOnly?: boolean) => Promise<void>;

function fakeMachines(router: ConnectRouter, enter: Enter): void {
  const id = "01980000-0000-7000-b000-000000000001";
  const machine = {
    id,
    // A name that tries to clear the reader's terminal.
    name: "vm-1\u001b[2J",
    pool: "default",
    status: MachineStatus.IDLE,
    platform: "linux",
    os: "Debian 12",
    agentVersion: "1.0.0",
    applications: ["mousepad@0.5.10"],
    statusSince: timestampFromDate(new Date(Date.now() - 3_600_000)),
  };
  const attempt = { ...machine, name: "vm-2", status: MachineStatus.BUSY, runId: id };
  let looks = 0;
  const token = { id, pool: "default", usesLeft: 1, createdAt: timestampNow(), expiresAt: timestampNow() };
  const key = { id, owner: "billing", scope: Scope.CALLER, createdAt: timestampNow() };
  router.service(MachineService, {
    listMachines: async ({ pool }, context) => {
      await enter(context, true);
      if (pool === "empty") return { machines: [] };
      if (pool !== "kept") return { machines: [machine] };
      const soon = timestampFromDate(new Date(Date.now() + 60_000));
      const deadline = { drainDeadline: soon };
      const kept = [
        { ...attempt, name: "vm-2", halted: true, cordoned: true },
        { ...attempt, name: "vm-3", cordoned: true, ...deadline },
        { ...machine, name: "vm-4", cordoned: true, ...deadline },
        { ...machine, name: "vm-5", cordoned: true },
        { ...machine, name: "vm-6", holdReason: "HUMAN_PRESENT" },
        { ...machine, name: "vm-7", desktop: "STUCK" },
        { ...machine, name: "vm-8", unclean: true, unreadyVerdict: "FROZEN" },
        { ...machine, name: "vm-9", unreadyVerdict: "APP_NOT_RUNNING", unreadyUntil: soon, desktop: "PRESENT" },
        { ...machine, name: "vm-10", status: MachineStatus.OFFLINE, unclean: true },
        { ...machine, name: "vm-11", quarantinedUntil: timestampFromDate(new Date(Date.now() + 720_000)) },
        { ...machine, name: "vm-12", quarantinedUntil: timestampFromDate(new Date(0)), failuresInARow: 3 },
        { ...machine, name: "vm-13", unreadyVerdict: "MODAL_BLOCKING", unreadyUntil: timestampFromDate(new Date(0)) },
      ];
      return { machines: kept };
    },
    getMachine: async () => {
      // Idle when it is looked at for the second time.
      const status = ++looks < 2 ? MachineStatus.BUSY : MachineStatus.IDLE;
      return { machine: { ...attempt, cordoned: true, drainDeadline: timestampNow(), status } };
    },
    cordonMachine: async () => ({ machine: { ...attempt, cordoned: true } }),
    uncordonMachine: async () => ({ machine }),
    drainMachine: async ({ timeout }) => {
      const drainDeadline = timestampFromDate(new Date(Date.now() + Number(timeout?.seconds ?? 600) * 1_000));
      return { machine: { ...attempt, cordoned: true, drainDeadline } };
    },
    releaseMachine: async () => ({ machine: attempt }),
    getScreenshot: async (request, context) => {
      await enter(context, true);
      if (request.machine === "vm-1") return { png, takenAt: timestampNow() };
      throw refusal(Code.NotFound, "MACHINE_NOT_FOUND", `There is no machine ${request.machine}.`);
    },
    revokeMachine: async () => ({ machine: { ...machine, revoked: true } }),
    createEnrolmentToken: async ({ pool, uses }, context) => {
      await enter(context, true);
      return { token: { ...token, pool: pool || "default", usesLeft: uses || 1 }, secret: "token-secret" };
    },
    listEnrolmentTokens: async () => ({ tokens: [token] }),
    revokeEnrolmentToken: async () => ({ token: { ...token, revoked: true } }),
  });
  router.service(KeyService, {
    createKey: async (request, context) => {
      await enter(context, true);
      return { key: { ...key, owner: request.owner, scope: request.scope }, secret: "key-secret" };
    },
    listKeys: async () => ({ keys: [key] }),
    revokeKey: async () => ({ key: { ...key, revoked: true } }),
  });
  fakeHalts(router, enter);
  fakeQueue(router, enter);
  fakeReleases(router, enter);
  router.service(ArtifactService, {
    listArtifacts: async ({ runId }) => ({
      artifacts: [
        {
          id,
          runId,
          attempt: 1,
          commandNumber: 2,
          step: "../save",
          kind: ArtifactKind.FRAME,
          contentType: "image/png",
        },
      ],
    }),
    getArtifact: async () => ({ artifact: { id }, content: png }),
  });
}

/** Takes a release that has two pieces, and has had the first of one of version 1.0.0 before. */
function fakeReleases(router: ConnectRouter, enter: Enter): void {
  const id = "01980000-0000-7000-c000-000000000001";
  const held = { id, version: "", executable: "", sizeBytes: 0n, receivedBytes: 0n, complete: false };
  const ring = { waiting: 3, updated: 1, failed: 1 };
  const rollout = (state: RolloutState) => ({
    id,
    version: "1.0.0",
    state,
    stopReason: state === RolloutState.STOPPED ? StopReason.OPERATOR : StopReason.UNSPECIFIED,
    soak: durationFromMs(600_000),
    createdAt: timestampNow(),
    canaries: ring,
    rest: { waiting: 40 },
    leftOut: 2,
    retrying: ["vm-8"],
    failures: [{ machine: "vm-9", fault: RolloutFault.NOT_ATTACHED }],
  });
  router.service(ReleaseService, {
    addRelease: async ({ version, executable, sizeBytes }, context) => {
      await enter(context, true);
      Object.assign(held, { version, executable, sizeBytes });
      if (version === "1.0.0") held.receivedBytes = 1_048_576n;
      return { release: held };
    },
    uploadRelease: async ({ offset, data }, context) => {
      await enter(context, true);
      if (offset === held.receivedBytes) held.receivedBytes += BigInt(data.length);
      held.complete = held.receivedBytes === held.sizeBytes;
      return { release: held };
    },
    listReleases: async () => ({ releases: [{ ...held, sha256: new Uint8Array(32), createdAt: timestampNow() }] }),
    startRollout: async ({ version }, context) => {
      await enter(context, true);
      if (version === "1.0.0") return { rollout: rollout(RolloutState.RUNNING_CANARY) };
      throw refusal(Code.NotFound, "RELEASE_NOT_FOUND", `There is no release ${version}.`);
    },
    getRollout: async () => ({ rollout: rollout(RolloutState.RUNNING_CANARY) }),
    stopRollout: async () => ({ rollout: rollout(RolloutState.STOPPED) }),
    resumeRollout: async () => ({ rollout: rollout(RolloutState.RUNNING_CANARY) }),
  });
}
