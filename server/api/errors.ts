// The one place where a no becomes an error of the wire.
//
// 1. A refusal has a Connect code and carries google.rpc.ErrorInfo (its reason, domain `drover`); with problems, also
//    google.rpc.BadRequest, one violation each.
// 2. A database that cannot be reached is UNAVAILABLE, reason STORE_UNAVAILABLE.
// 3. Anything else is INTERNAL with a number that is logged. Of its cause nothing leaves the process, and its message is not
//    logged either: a driver's message quotes parameters, a parser's quotes its input (G11). Names, codes and frames are.

import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema } from "@drover/proto/gen/google/rpc/error_details_pb.ts";
import type { Log } from "../engine/context.ts";
import type { Answer, FieldProblem, Reason, Refusal } from "../rules/refusal.ts";

export type FaultLog = Pick<Log, "error">;

export const codes: Readonly<Record<Reason, Code>> = {
  WORKFLOW_NOT_FOUND: Code.NotFound,
  APPLICATION_NOT_FOUND: Code.NotFound,
  RUN_NOT_FOUND: Code.NotFound,
  MACHINE_NOT_FOUND: Code.NotFound,
  POOL_NOT_FOUND: Code.NotFound,
  ARTIFACT_NOT_FOUND: Code.NotFound,
  KEY_NOT_FOUND: Code.NotFound,
  ENROLMENT_TOKEN_NOT_FOUND: Code.NotFound,
  SCREENSHOT_NOT_FOUND: Code.NotFound,
  DEFINITION_INVALID: Code.InvalidArgument,
  INPUTS_INVALID: Code.InvalidArgument,
  PAGE_TOKEN_INVALID: Code.InvalidArgument,
  EVENT_NOT_FOUND: Code.OutOfRange,
  IDEMPOTENCY_KEY_REUSED: Code.AlreadyExists,
  RUN_ENDED: Code.FailedPrecondition,
  RUN_NOT_UNKNOWN: Code.FailedPrecondition,
  RUN_NOT_WAITING: Code.FailedPrecondition,
  RUN_NOT_ENDED: Code.FailedPrecondition,
  RUN_IN_USE: Code.FailedPrecondition,
  CURSOR_INVALID: Code.InvalidArgument,
  IDEMPOTENCY_KEY_TOO_OLD: Code.FailedPrecondition,
  OUTPUTS_INVALID: Code.InvalidArgument,
  LAST_ADMIN_KEY: Code.FailedPrecondition,
  RELEASE_NOT_FOUND: Code.NotFound,
  RELEASE_EXISTS: Code.AlreadyExists,
  RELEASE_CORRUPT: Code.InvalidArgument,
  ROLLOUT_NOT_FOUND: Code.NotFound,
  ROLLOUT_RUNNING: Code.FailedPrecondition,
  UNAUTHENTICATED: Code.Unauthenticated,
  SCOPE_INSUFFICIENT: Code.PermissionDenied,
  STORE_UNAVAILABLE: Code.Unavailable,
};

export function refusalError({ reason, message, problems }: Refusal): ConnectError {
  const info = { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason, domain: "drover" }) };
  return new ConnectError(message, codes[reason], undefined, problems ? [info, badRequest(problems)] : [info]);
}

export const badRequest = (problems: readonly FieldProblem[]) => ({
  desc: BadRequestSchema,
  value: create(BadRequestSchema, {
    fieldViolations: problems.map(({ field, message }) => ({ field, description: message })),
  }),
});

/** The value of an answer; a refusal is thrown as an error of the wire. */
export function accepted<T>(answer: Answer<T>): T {
  if (!answer.ok) throw refusalError(answer.refusal);
  return answer.value;
}

/** Ends a call with a refusal of the API's own. */
export function refused(reason: Reason, message: string): never {
  throw refusalError({ reason, message });
}

/** What postgres.js, Node and Postgres (by SQLSTATE) say when the database is away, starting, stopping or full. */
const storeAway =
  /^(CONNECTION_(CLOSED|ENDED|DESTROYED)|CONNECT_TIMEOUT|ECONN(REFUSED|RESET|ABORTED)|EPIPE|ENOENT|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|ENOTFOUND|08.{3}|57P0[1-5]|53300)$/;

export function wireError(thrown: unknown, log: FaultLog, procedure: string): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  const chain = causes(thrown);
  if (chain.some(({ code }) => typeof code === "string" && storeAway.test(code))) {
    return refusalError({ reason: "STORE_UNAVAILABLE", message: "The server cannot reach its database. Try again." });
  }
  const id = randomUUID();
  const errors = chain.map(({ name, code, stack }) => ({
    name,
    code,
    frames: stack?.split("\n").filter((line) => /^\s+at /.test(line)),
  }));
  log.error("a call failed", { id, procedure, errors });
  return new ConnectError(`This is a fault of the server. It is in its log under ${id}.`, Code.Internal);
}

function causes(thrown: unknown): (Error & { code?: unknown })[] {
  const found: Error[] = [];
  for (let error = thrown; error instanceof Error && !found.includes(error); error = error.cause) found.push(error);
  // A thrown thing that is no error is named by its type alone.
  return found.length > 0 ? found : [new TypeError(typeof thrown)];
}

/** Outermost: whatever a handler throws, now or in the middle of a stream, leaves as one of the above. */
export const translateErrors =
  (log: FaultLog): Interceptor =>
  (next) =>
  async (request) => {
    const procedure = `${request.service.typeName}/${request.method.name}`;
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: translated(response.message) } : response;
    } catch (thrown) {
      throw wireError(thrown, log, procedure);
    }

    async function* translated<T>(messages: AsyncIterable<T>) {
      try {
        yield* messages;
      } catch (thrown) {
        throw wireError(thrown, log, procedure);
      }
    }
  };
