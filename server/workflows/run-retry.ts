// A workflow's retry: how often its runs are tried, after which failures, after how long, and where. Each try again is only made while
// nothing is committed, and takes of the workflow's budget (`server/rules/retry.ts`).

import type { Json } from "../rules/names.ts";
import { type RetryPace, retryPaceDefault } from "../rules/retry.ts";
import { isObject } from "./contract.ts";
import { durationMs } from "./duration.ts";
import { limits } from "./limits.ts";
import type { Report } from "./problem.ts";
import type { Program } from "./program.ts";
import { categories } from "./step-retry.ts";

/** `retry: 3`, or `retry: { attempts, on, backoff, machine }`. */
export function runRetry(report: Report, given: Json | undefined, timeoutMs: number): Program["retry"] {
  const retry: { readonly [key: string]: Json } = isObject(given) ? given : {};
  const attempts = typeof given === "number" ? given : Number(retry["attempts"] ?? limits.attempts);
  const pace = { ...backoff(report, retry["backoff"], timeoutMs), anotherMachine: retry["machine"] !== "any" };
  return { attempts, on: categories(report, retry["on"], ["retry", "on"]), pace };
}

/** `backoff: 10s`, the same each time, or `backoff: { from: 10s, to: 2m }`, doubled each time. */
function backoff(report: Report, given: Json | undefined, timeoutMs: number): Omit<RetryPace, "anotherMachine"> {
  const path = ["retry", "backoff"];
  const [from, to] = isObject(given) ? [given["from"], given["to"]] : [given, given];
  if (typeof from !== "string" || typeof to !== "string") return retryPaceDefault;
  const [delayMs, delayMaxMs] = [durationMs(from), durationMs(to)];
  if (delayMs === undefined || delayMaxMs === undefined) {
    report(path, "This is not a duration.", "Write one such as 10s, or `{ from: 10s, to: 2m }`.");
  } else if (delayMs > delayMaxMs) {
    report(path, "`from` is longer than `to`.", "Write the shorter first.");
  } else if (delayMaxMs >= timeoutMs) {
    report(path, "This is as long as the whole run may take.", "Shorten it, or give the run a longer `timeout`.");
  } else return { delayMs, delayMaxMs };
  return retryPaceDefault;
}
