// A step's own retry, and the failures that a `retry` may name.

import { agentFailures, controlFailures, type FailureCategory } from "../rules/failure.ts";
import type { Json } from "../rules/names.ts";
import { isObject } from "./contract.ts";
import { durationMs } from "./duration.ts";
import { limits } from "./limits.ts";
import { didYouMean, type Path, type Report } from "./problem.ts";
import type { StepRetry } from "./program.ts";

/** `retry: 3`, or `retry: { attempts, on, delay }`. */
export function stepRetry(report: Report, given: Json | undefined, path: Path): StepRetry {
  const retry: { readonly [key: string]: Json } = isObject(given) ? given : {};
  const attempts = typeof given === "number" ? given : typeof retry["attempts"] === "number" ? retry["attempts"] : 1;
  const delay = typeof retry["delay"] === "string" ? durationMs(retry["delay"]) : limits.retryDelayMs;
  if (delay === undefined || delay > limits.retryDelayMaxMs) {
    report([...path, "delay"], "A delay is at most 1m.", "Write `500ms`.");
  }
  return { attempts, on: categories(report, retry["on"], [...path, "on"]), delayMs: delay ?? limits.retryDelayMs };
}

const knownCategories: readonly string[] = [...agentFailures, ...controlFailures];

export function categories(report: Report, given: Json | undefined, path: Path): FailureCategory[] {
  if (!Array.isArray(given)) return [];
  return (given as readonly Json[]).flatMap((category, index) => {
    if (typeof category !== "string") return [];
    if (knownCategories.includes(category)) return [category as FailureCategory];
    const remedy = didYouMean(category, knownCategories, "");
    report([...path, index], `There is no failure \`${category.slice(0, 64)}\`.`, remedy);
    return [];
  });
}
