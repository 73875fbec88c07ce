// RunService.

import type { MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { Outcome, ResolveAs } from "@drover/proto/gen/drover/v1/outcome_pb.ts";
import type { RunService, StartRunRequestSchema, StartRunResponseSchema } from "@drover/proto/gen/drover/v1/run_pb.ts";
import { limits } from "../rules/limits.ts";
import type { Json, RunId, TenantId } from "../rules/names.ts";
import { type Answer, refuse } from "../rules/refusal.ts";
import { outcomes, resolveAs } from "../rules/run.ts";
import type { RunView } from "../store/run-reads.ts";
import { type Audit, decidedBy, viewedBy } from "./audit.ts";
import { principalOf } from "./auth.ts";
import type { RunDoor, RunStarted, RunWanted } from "./door.ts";
import { accepted, refused } from "./errors.ts";
import { explanationMessage } from "./explaining.ts";
import { failureContextMessage } from "./failure-context.ts";
import type { Principal, Wakeup } from "./keyring.ts";
import { page } from "./pages.ts";
import { courseMessage, runMessage, stateOf, valuesMessage } from "./run-messages.ts";
import { watchRun } from "./watch.ts";
import { watchRuns } from "./watch-many.ts";

export interface RunsOptions {
  readonly door: RunDoor;
  readonly wakeup: Wakeup;
  readonly audit: Audit;
}

export function createRuns({ door, wakeup, audit }: RunsOptions): ServiceImpl<typeof RunService> {
  const contextOf = async (tenant: TenantId, run: RunView) =>
    failureContextMessage(run, await door.readFailureContext(tenant, run.id));
  const tenantOf = (context: HandlerContext) => principalOf(context).tenant;
  return {
    async startRun(request, context) {
      const wanted = accepted(wantedOf(request, principalOf(context)));
      return startedMessage(accepted(await door.startRun(tenantOf(context), wanted)));
    },

    async startRuns(request, context) {
      const asked = request.runs.map((each) => wantedOf(each, principalOf(context)));
      const fitting = asked.flatMap((answer) => (answer.ok ? [answer.value] : []));
      const started = (await door.startRuns(tenantOf(context), fitting)).values();
      const answers = asked.map((answer): Answer<RunStarted> => {
        if (!answer.ok) return answer;
        const next = started.next();
        if (next.done) throw new Error("a run to start got no answer");
        return next.value;
      });
      return {
        results: answers.map((answer) => ({
          result: answer.ok
            ? { case: "started" as const, value: startedMessage(answer.value) }
            : {
                case: "refusal" as const,
                value: { reason: answer.refusal.reason, message: messageOf(answer.refusal) },
              },
        })),
      };
    },

    async getRun(request, context) {
      const tenant = tenantOf(context);
      const id = runId(request.runId);
      const run = (await door.readRun(tenant, id)) ?? runNotFound(id);
      const attempts = await door.readAttempts(tenant, id);
      const failureContext =
        run.state === "ended" && run.outcome !== "SUCCEEDED" ? await contextOf(tenant, run) : undefined;
      audit(viewedBy(principalOf(context), { viewed: "run", runId: id }));
      return { run: { ...runMessage(run), ...valuesMessage(run), ...courseMessage(run, attempts), failureContext } };
    },

    async listRuns(request, context) {
      const state = stateOf(request.state);
      const outcome = outcomes.find((name) => Outcome[name] === request.outcome);
      const filter = {
        ...(request.workflow === "" ? {} : { workflow: request.workflow }),
        ...(state === undefined ? {} : { state }),
        ...(outcome === undefined ? {} : { outcome }),
        ...(request.caller === "" ? {} : { caller: request.caller }),
      };
      const { rows, nextPageToken } = await page("runs", request, "id", (before, limit) =>
        door.listRuns(tenantOf(context), filter, before, limit),
      );
      return { runs: rows.map(runMessage), nextPageToken };
    },

    async cancelRun(request, context) {
      return { run: runMessage(accepted(await door.cancelRun(tenantOf(context), runId(request.runId)))) };
    },

    async resolveRun(request, context) {
      const principal = principalOf(context);
      const { tenant, owner: by } = principal;
      const id = runId(request.runId);
      const as = resolveAs.find((name) => ResolveAs[name] === request.resolveAs);
      if (as === undefined) throw new Error("a resolution that the rules of the request let through is not known");
      const { nothingCommitted, note } = request;
      const outputs = (request.outputs ?? {}) as Json;
      const run = accepted(await door.resolveRun(tenant, id, { as, outputs, nothingCommitted, by, note }));
      audit(decidedBy(principal, { decided: "run", runId: id, as }));
      const course = courseMessage(run, await door.readAttempts(tenant, id));
      return { run: { ...runMessage(run), ...course, failureContext: await contextOf(tenant, run) } };
    },

    watchRun: (request, context) =>
      watchRun({ door, wakeup, audit }, principalOf(context), runId(request.runId), request.afterEvent, context.signal),

    async explainRun(request, context) {
      const id = runId(request.runId);
      const explanation = (await door.explainRun(tenantOf(context), id)) ?? runNotFound(id);
      return { explanation: explanationMessage(id, explanation) };
    },

    async moveRunToFront(request, context) {
      const principal = principalOf(context);
      const id = runId(request.runId);
      const run = accepted(await door.moveRunToFront(principal.tenant, id));
      audit(decidedBy(principal, { decided: "run", runId: id, as: "moved-to-front" }));
      return { run: runMessage(run) };
    },
    watchRuns: (request, context) => watchRuns({ door, wakeup }, principalOf(context), request, context.signal),

    async purgeRun(request, context) {
      const principal = principalOf(context);
      const id = accepted(await door.purgeRun(principal.tenant, runId(request.runId)));
      audit(decidedBy(principal, { decided: "run", runId: id, as: "purged" }));
      return {};
    },
  };
}

/** As Postgres writes it, and so as topics and page tokens hold it. */
export const runId = (id: string) => id.toLowerCase() as RunId;

export const runNotFound = (id: RunId): never => refused("RUN_NOT_FOUND", `There is no run ${id}.`);

function wantedOf(request: MessageShape<typeof StartRunRequestSchema>, { owner }: Principal): Answer<RunWanted> {
  const inputs = (request.inputs ?? {}) as RunWanted["inputs"];
  const bytes = Buffer.byteLength(JSON.stringify(inputs));
  if (bytes > limits.inputsBytesMax) {
    return refuse(
      "INPUTS_INVALID",
      `The inputs are ${bytes} bytes of JSON; at most ${limits.inputsBytesMax} are taken.`,
      [{ field: "inputs", message: `must be at most ${limits.inputsBytesMax} bytes of JSON` }],
    );
  }
  const { queueTimeout, timeout } = request;
  return {
    ok: true,
    value: {
      workflow: request.workflow,
      workflowVersion: request.workflowVersion,
      inputs,
      priority: request.priority,
      caller: owner,
      ...(request.notBefore === undefined ? {} : { notBefore: timestampMs(request.notBefore) }),
      ...(request.idempotencyKey === "" ? {} : { idempotencyKey: request.idempotencyKey }),
      // A duration below a millisecond is none: rounded up, it still ends.
      ...(queueTimeout === undefined ? {} : { queueTimeoutMs: Math.ceil(durationMs(queueTimeout)) || 1 }),
      ...(timeout === undefined ? {} : { timeoutMs: Math.ceil(durationMs(timeout)) || 1 }),
    },
  };
}

const startedMessage = ({ run, existed, unmet }: RunStarted): MessageInitShape<typeof StartRunResponseSchema> => ({
  run: runMessage(run),
  existed,
  unmet,
});

/** One item among many has no details: its problems are in the message. */
const messageOf = ({
  message,
  problems,
}: {
  message: string;
  problems?: readonly { field: string; message: string }[];
}) => [message, ...(problems ?? []).slice(0, 10).map((problem) => `${problem.field}: ${problem.message}`)].join(" ");
