// What can go wrong, as classes: a refusal says why in a word of a closed list, a bad request names its fields, and a run
// that did not succeed carries its failure. `errorFrom` is the one place where a wire error becomes one of these.

import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "./gen/google/rpc/error_details_pb.ts";
import type { RefusalReason } from "./names.ts";
import { isRetryable, reasonOf } from "./retryable.ts";

/** Everything that this SDK throws on its own account. */
export class DroverError extends Error {
  override name = "DroverError";
}

/** The server understood and said no. */
export class Refused extends DroverError {
  override name = "Refused";
  readonly reason: RefusalReason;
  constructor(reason: RefusalReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** One thing wrong with one field, one input or one place in a definition. */
export interface Violation {
  field: string;
  description: string;
}

/** The request, the inputs or the definition break rules; every violation is listed. */
export class InvalidRequest extends DroverError {
  override name = "InvalidRequest";
  /** `INPUTS_INVALID`, `DEFINITION_INVALID` and the like; undefined when a field's own rule was broken. */
  readonly reason: RefusalReason | undefined;
  readonly violations: readonly Violation[];
  constructor(
    reason: RefusalReason | undefined,
    message: string,
    violations: readonly Violation[],
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.reason = reason;
    this.violations = violations;
  }
}

/** No key was sent, or it is not known, has ended or was revoked. */
export class Unauthenticated extends DroverError {
  override name = "Unauthenticated";
}

/** The key is good, but its scope does not allow this call. */
export class PermissionDenied extends DroverError {
  override name = "PermissionDenied";
}

/** No replica could be reached, or none could answer, for as long as the client had patience. */
export class Unavailable extends DroverError {
  override name = "Unavailable";
}

/** The server answered with something that no client can act on: a fault of its own, or it is no Drover server. */
export class ServerFault extends DroverError {
  override name = "ServerFault";
}

/** `result({ timeoutMs })` waited long enough. The run itself goes on. */
export class WaitTimedOut extends DroverError {
  override name = "WaitTimedOut";
  readonly runId: string;
  constructor(runId: string, timeoutMs: number) {
    super(`Run ${runId} has not ended within ${timeoutMs} ms; it goes on.`);
    this.runId = runId;
  }
}

/** Turns what a call threw into one of the classes above. Anything that is not a wire error is returned as it is. */
export function errorFrom(thrown: unknown): unknown {
  if (!(thrown instanceof ConnectError)) return thrown;
  const cause = { cause: thrown };
  const message = thrown.rawMessage;
  const reason = reasonOf(thrown);
  const badRequests = thrown.findDetails(BadRequestSchema);
  if (thrown.code === Code.Unauthenticated) return new Unauthenticated(message, cause);
  if (thrown.code === Code.PermissionDenied) return new PermissionDenied(message, cause);
  // What could still be tried again when patience ended. STORE_UNAVAILABLE is among it, though it is a reason too.
  if (isRetryable(thrown) && badRequests.length === 0) return new Unavailable(message, cause);
  if (badRequests.length > 0 || (thrown.code === Code.InvalidArgument && reason === undefined)) {
    const violations = badRequests
      .flatMap((bad) => bad.fieldViolations)
      .map(({ field, description }) => ({ field, description }));
    return new InvalidRequest(reason, message, violations, cause);
  }
  if (reason !== undefined) return new Refused(reason, message, cause);
  return new ServerFault(message, cause);
}
