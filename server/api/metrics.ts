// GET /metrics, for Prometheus: plain HTTP beside the RPCs, with a key of scope operator as they have it.

import type { TenantId } from "../rules/names.ts";
import { finish, type Handle, type Request, type Response } from "./connections.ts";
import type { Keyring } from "./keyring.ts";
import { allows } from "./scopes.ts";

/** What is told of the process and of one tenant (G12). */
export type MetricsPage = (tenant: TenantId) => Promise<{ readonly contentType: string; readonly text: string }>;

const path = "/metrics";

/** Answers what is asked for at `/metrics`; `otherwise` answers the rest. */
export const createMetricsHandle =
  (page: MetricsPage, keyring: Keyring, otherwise: Handle): Handle =>
  (request, response) => {
    if (request.url?.split("?", 1)[0] !== path) return otherwise(request, response);
    answer(page, keyring, request, response).catch(() => {
      // The database is away, and whose key it is cannot be known.
      say(response, 503, "The metrics cannot be told now. Ask again.\n");
    });
  };

async function answer(page: MetricsPage, keyring: Keyring, request: Request, response: Response): Promise<void> {
  // A body is not expected; what comes is let pass.
  request.resume();
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return say(response, 405, "Metrics can only be read: GET.\n");
  }
  const secret = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1];
  const principal = secret === undefined ? undefined : await keyring.principalOf(secret);
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
