// Which web pages of other origins may call the API from a browser: those of the given origins (`*` for any), and none by
// default. A page of the server's own origin needs no leave.

import { cors } from "@connectrpc/connect";
import { finish, type Request, type Response } from "./connections.ts";

/** Browsers keep the answer to a preflight this long: two hours is the most that Chromium keeps. */
const preflightAgeS = 7_200;

/** Sets the headers that an origin is due. True: this was a preflight, and it is answered. */
export function answerCors(origins: readonly string[], request: Request, response: Response): boolean {
  const { origin } = request.headers;
  if (typeof origin !== "string") return false;
  const allowed = origins.includes("*") || origins.includes(origin);
  response.setHeader("vary", "origin");
  if (allowed) {
    response.setHeader("access-control-allow-origin", origin);
    response.setHeader("access-control-expose-headers", cors.exposedHeaders.join(", "));
  }
  if (request.method !== "OPTIONS") return false;
  if (allowed) {
    response.setHeader("access-control-allow-methods", cors.allowedMethods.join(", "));
    response.setHeader("access-control-allow-headers", [...cors.allowedHeaders, "authorization"].join(", "));
    response.setHeader("access-control-max-age", String(preflightAgeS));
  }
  finish(response, 204);
  return true;
}
