// Who may call what. The gate runs when a request's headers are there and before its body is read: a caller without a key
// cannot make the server take in 24 MiB. The interceptor ends a stream whose key has ended while it was open.

import { constants } from "node:http2";
import { type ConnectError, createContextKey, type HandlerContext, type Interceptor } from "@connectrpc/connect";
import type { Response } from "./connections.ts";
import { type FaultLog, refusalError, refused, wireError } from "./errors.ts";
import type { Keyring, Principal } from "./keyring.ts";
import { apiLimits } from "./limits.ts";
import { allows, needOf } from "./scopes.ts";
import { hideUnreadable } from "./unreadable.ts";

const principalKey = createContextKey<Principal | undefined>(undefined);
const endedKey = createContextKey<AbortSignal | undefined>(undefined);
/** The response as Node has it, to cut off who does not listen. */
export const responseKey = createContextKey<Response | undefined>(undefined);

/** Who calls. For handlers of RPCs that need a key: the gate let nobody else through. */
export function principalOf(context: Pick<HandlerContext, "values">): Principal {
  return context.values.get(principalKey) ?? refused("UNAUTHENTICATED", "This call needs a key.");
}

const keyEnded = () => refusalError({ reason: "UNAUTHENTICATED", message: "The key has expired or was revoked." });

export const createGate = (keyring: Keyring, log: FaultLog) => async (context: HandlerContext) => {
  hideUnreadable(context);
  try {
    await admit(keyring, context);
  } catch (thrown) {
    // No interceptor has this call yet.
    throw wireError(thrown, log, `${context.service.typeName}/${context.method.name}`);
  }
};

async function admit(keyring: Keyring, context: HandlerContext) {
  const need = needOf(context.method);
  if (need === "open") return;
  const secret = /^Bearer +(\S+) *$/i.exec(context.requestHeader.get("authorization") ?? "")?.[1];
  if (secret === undefined) refused("UNAUTHENTICATED", "Send a key: `authorization: Bearer <secret>`.");
  const principal = await keyring.principalOf(secret);
  if (principal === undefined) refused("UNAUTHENTICATED", "The key is not known, has expired or was revoked.");
  if (need === undefined || !allows(principal.scope, need)) {
    refused("SCOPE_INSUFFICIENT", `This call needs a key of scope ${need ?? "none"}; this one is ${principal.scope}.`);
  }
  context.values.set(principalKey, principal);
  if (context.method.methodKind !== "unary") holdOpen(keyring, secret, context);
}

/** Ties the call to its key. The context's signal fires however a call ends, so nothing is held after that. */
function holdOpen(keyring: Keyring, secret: string, context: HandlerContext) {
  const ended = new AbortController();
  context.values.set(endedKey, ended.signal);
  const release = keyring.hold(secret, () => {
    ended.abort(keyEnded());
    // A client that has stopped reading gets no last word; what it has not read yet it shall not have.
    const response = context.values.get(responseKey);
    setTimeout(() => hangUp(response), apiLimits.hangUpMs).unref();
  });
  if (context.signal.aborted) release();
  else context.signal.addEventListener("abort", release, { once: true });
}

export function hangUp(response: Response | undefined) {
  if (response === undefined || response.closed) return;
  if ("stream" in response) response.stream.close(constants.NGHTTP2_CANCEL);
  else response.destroy();
}

/** Ends the answer of a stream when its key, its deadline or the server ends, even while the handler waits. */
export const endStreams: Interceptor = (next) => async (request) => {
  if (!request.stream) return next(request);
  const ended = request.contextValues.get(endedKey);
  const signal = ended === undefined ? request.signal : AbortSignal.any([request.signal, ended]);
  const response = await next({ ...request, signal });
  return response.stream ? { ...response, message: until(signal, response.message) } : response;
};

async function* until<T>(signal: AbortSignal, messages: AsyncIterable<T>): AsyncIterable<T> {
  const iterator = messages[Symbol.asyncIterator]();
  const end = Promise.withResolvers<never>();
  end.promise.catch(() => undefined);
  const abort = () => end.reject(signal.reason as ConnectError);
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), end.promise]);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", abort);
    // Not awaited: a handler that ignores the signal must not keep the call.
    void iterator.return?.().catch(() => undefined);
  }
}
