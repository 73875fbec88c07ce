// The control plane as the client sees it: one transport that tries again and moves to the next replica when one is gone.
// 1. A call is repeated only if repeating it changes nothing: all are, save those that make secrets, start a rollout, or
//    start a run without an idempotency key. Those are repeated only when they cannot have arrived.
// 2. Whoever meets a failing replica moves on for everybody, once: later failures of the same replica change nothing.

import type { DescMessage, DescMethod, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport, type UnaryResponse } from "@connectrpc/connect";
import { backoffMs, sleep } from "./backoff.ts";
import type { ClientLimits } from "./limits.ts";
import { isRetryable } from "./retryable.ts";

/** One replica: its address and the way to it. */
export interface Replica {
  url: string;
  transport: Transport;
}

/** The replicas, and which of them is in use. */
export interface Replicas {
  urls: readonly string[];
  /** A transport over all of them. Calls are tried again; streams are opened once, at the replica in use. */
  transport: Transport;
  current(): Replica;
  /** Leaves this replica for the next one, unless somebody already has. */
  leave(replica: Replica): void;
  /** Aborted when the client is closed: nothing is tried again after that. */
  closed: AbortSignal;
}

/** A caller's signal and the client's end, as one of its own: listeners of many calls do not add up on one signal. */
export const either = (signal: AbortSignal | undefined, closed: AbortSignal): AbortSignal =>
  AbortSignal.any(signal === undefined ? [closed] : [signal, closed]);

/** Joins replicas into one transport. `ends` is the caller's own, for all calls: they throw its reason when it is aborted. */
export function joinReplicas(
  replicas: readonly Replica[],
  limits: ClientLimits,
  closed: AbortSignal,
  ends?: AbortSignal,
): Replicas {
  let inUse = 0;
  const current = (): Replica => {
    const replica = replicas[inUse];
    if (replica === undefined) throw new TypeError("createClient needs at least one url");
    return replica;
  };
  const leave = (replica: Replica): void => {
    if (replica === current()) inUse = (inUse + 1) % replicas.length;
  };
  current();

  async function unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    given: AbortSignal | undefined,
    timeoutMs: number | undefined,
    ...rest: [Parameters<Transport["unary"]>[3], MessageInitShape<I>, Parameters<Transport["unary"]>[5]?]
  ): Promise<UnaryResponse<I, O>> {
    const signal = either(given, either(ends, closed));
    const giveUpAt = performance.now() + (timeoutMs ?? limits.callPatienceMs);
    for (let failures = 0; ; failures++) {
      const replica = current();
      const left = Math.max(1, Math.ceil(giveUpAt - performance.now()));
      try {
        return await replica.transport.unary(method, signal, Math.min(limits.attemptMs, left), ...rest);
      } catch (error) {
        ends?.throwIfAborted();
        if (!isRetryable(error, signal)) throw error;
        leave(replica);
        if (!mayRepeat(method, rest[1]) && !neverArrived(error)) throw error;
        // A first round over the other replicas is free; only when all have failed does waiting help.
        const waitMs = failures + 1 < replicas.length ? 0 : backoffMs(failures + 2 - replicas.length, limits);
        if (performance.now() + waitMs >= giveUpAt) throw error;
        await sleep(waitMs, signal);
      }
    }
  }

  return {
    urls: replicas.map(({ url }) => url),
    transport: { unary, stream: (...args) => current().transport.stream(...args) },
    current,
    leave,
    closed,
  };
}

/** Invariant 1. */
function mayRepeat(method: DescMethod, input: object): boolean {
  switch (method.name) {
    case "CreateKey":
    case "CreateEnrolmentToken":
    case "StartRollout":
      return false;
    case "StartRun":
      return hasKey(input);
    case "StartRuns":
      return "runs" in input && Array.isArray(input.runs) && input.runs.every(hasKey);
    default:
      return true;
  }
}

function hasKey(request: unknown): boolean {
  return (
    typeof request === "object" && request !== null && "idempotencyKey" in request && Boolean(request.idempotencyKey)
  );
}

/** No connection was made, so nothing was asked for. */
function neverArrived(error: unknown): boolean {
  const cause: unknown = error instanceof ConnectError ? error.cause : undefined;
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
  return error instanceof ConnectError && error.code === Code.Unavailable && code === "ECONNREFUSED";
}
