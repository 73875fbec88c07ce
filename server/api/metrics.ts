// GET /metrics, for Prometheus: plain HTTP beside the RPCs, with a key of scope operator as they have it.
//
// While the database is away metrics are worth most, and nothing can be said of a key. One that was good when it could last be
// asked for is taken for a while then: it opens counts, and nothing of any person.

import type { TenantId } from "../rules/names.ts";
import { finish, type Handle, type Request, type Response } from "./connections.ts";
import { hashOf, type Keyring, type Principal } from "./keyring.ts";
import { apiLimits } from "./limits.ts";
import { allows } from "./scopes.ts";

/** What is told of the process and of one tenant (G12). */
export type MetricsPage = (tenant: TenantId) => Promise<{ readonly contentType: string; readonly text: string }>;

const path = "/metrics";

/** Answers what is asked for at `/metrics`; `otherwise` answers the rest. */
export function createMetricsHandle(page: MetricsPage, keyring: Keyring, otherwise: Handle): Handle {
  const readers = createReaders(keyring);
  return (request, response) => {
    if (request.url?.split("?", 1)[0] !== path) return otherwise(request, response);
    answer(page, readers, request, response).catch(() => {
      // The database is away, and whose key it is cannot be known.
      say(response, 503, "The metrics cannot be told now. Ask again.\n");
    });
  };
}

type Readers = (secret: string) => Promise<Principal | undefined>;

/** Throws when nothing is known of the key and nothing can be. */
function createReaders(keyring: Keyring): Readers {
  const good = new Map<string, { readonly at: number; readonly principal: Principal }>();
  return async (secret) => {
    const id = hashOf(secret).toString("hex");
    try {
      const principal = await inTime(keyring.principalOf(secret));
      good.delete(id);
      if (good.size >= apiLimits.metricsKeysRemembered) good.clear();
      if (principal !== undefined) good.set(id, { at: performance.now(), principal });
      return principal;
    } catch (error) {
      const before = good.get(id);
      if (before === undefined || performance.now() - before.at > apiLimits.metricsKeyMs) throw error;
      const { expiresAt } = before.principal;
      return expiresAt !== undefined && expiresAt <= Date.now() ? undefined : before.principal;
    }
  };
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("the database does not answer")), apiLimits.metricsKeyWaitMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function answer(page: MetricsPage, readers: Readers, request: Request, response: Response): Promise<void> {
  // A body is not expected; what comes is let pass.
  request.resume();
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return say(response, 405, "Metrics can only be read: GET.\n");
  }
  const secret = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1];
  const principal = secret === undefined ? undefined : await readers(secret);
  if (principal === undefined) {
    response.setHeader("www-authenticate", "Bearer");
    const why = secret === undefined ? "Send a key" : "The key is not known, has expired or was revoked. Send another";
    return say(response, 401, `${why}: \`authorization: Bearer <secret>\`.\n`);
  }
  if (!allows(principal.scope, "operator")) {
    return say(response, 403, `Metrics need a key of scope operator; this one is ${principal.scope}.\n`);
  }
  const { contentType, text } = await page(principal.tenant);
  say(response, 200, text, contentType);
}

function say(response: Response, status: number, text: string, contentType = "text/plain; charset=utf-8"): void {
  if (response.headersSent || response.writableEnded) return;
  response.setHeader("content-type", contentType);
  response.setHeader("cache-control", "no-store");
  finish(response, status, text);
}
