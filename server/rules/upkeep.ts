// Cleaning up a machine that an attempt has left as it was, before it is given anything else: the workflow's cleanup steps, and
// where they do not help, or the application is frozen, its end. Of the attempt's run nothing changes. Pure.
//
// 1. The machine counts as clean only when the cleanup steps were done, or no process of the application is left.
// 2. What could not be cleaned up stays unclean, and is tried again after a while.
// 3. Nobody waits for a cleanup: it does not hold, it ends, and begins anew when nobody holds the machine.

import type { Attempt, Ending } from "./attempt.ts";
import type { CommandSpec } from "./command.ts";
import type { FailureCategory } from "./failure.ts";
import type { CommandResult, RunHappening } from "./happening.ts";
import type { Interpreter } from "./interpreter.ts";
import type { LeaseFate } from "./lease.ts";
import { limits } from "./limits.ts";
import type { MachineMark } from "./machine.ts";
import type { Instant } from "./names.ts";
import type { Verdict } from "./verdict.ts";

export interface UpkeepChange {
  readonly attempt: Attempt;
  readonly lease: LeaseFate;
  readonly marks: readonly MachineMark[];
  /** How the attempt has ended, if this is its end: it succeeded if the machine is clean, and was cancelled if it was cut short. */
  readonly ended?: Ending["is"];
}

/** The first command: a frozen application is not looked at again, it is ended. */
export function beginUpkeep(
  interpreter: Interpreter,
  left: FailureCategory | undefined,
): { readonly phase: "proving" | "repairing"; readonly command: CommandSpec } {
  if (left === "FROZEN") return { phase: "repairing", command: interpreter.endApplication };
  return { phase: "proving", command: interpreter.prove };
}

/** What is true after `happening`, or undefined when it changes nothing. */
export function advanceUpkeep(
  attempt: Attempt,
  interpreter: Interpreter,
  happening: RunHappening,
  now: Instant,
): UpkeepChange | undefined {
  const keep = (next: Attempt): UpkeepChange => ({ attempt: next, lease: "keep", marks: [] });
  const { outstanding } = attempt;
  switch (happening.is) {
    case "result":
      return onResult(attempt, interpreter, happening.result, now);
    case "held":
      return ended(attempt, "fence", []);
    case "machine-back":
      return keep(again(attempt, now));
    case "command-overdue":
      if (outstanding === undefined || outstanding.deadlineAt > now) return undefined;
      return ended(attempt, "fence", [{ is: "not-ready", verdict: "FROZEN" }]);
    case "drain-overdue":
    case "force-released":
      return ended(attempt, "fence", []);
    case "holder-gone":
      return ended(attempt, "end", []);
    case "cancel-requested":
    case "deadline-passed":
    case "machine-silent":
    case "let-go":
    case "resolved":
    case "moved-to-front":
      return undefined;
  }
}

/** The time that the machine was away is not the command's. */
function again(attempt: Attempt, now: Instant): Attempt {
  const { outstanding } = attempt;
  if (outstanding === undefined) return attempt;
  const deadlineAt = Math.max(outstanding.deadlineAt, now + outstanding.spec.timeoutMs + limits.resultGraceMs);
  return { ...attempt, outstanding: { ...outstanding, deadlineAt } };
}

function onResult(
  attempt: Attempt,
  interpreter: Interpreter,
  result: CommandResult,
  now: Instant,
): UpkeepChange | undefined {
  if (attempt.outstanding === undefined || result.number !== attempt.commandNumber) return undefined;
  const { outstanding: _, ...rest } = attempt;
  const settled: Attempt = result.proof === undefined ? rest : { ...rest, proof: result.proof };
  if (attempt.phase === "proving") return onProof(settled, interpreter, now);
  if (attempt.phase === "repairing") {
    return result.failure === undefined
      ? ended(settled, "end", [{ is: "clean" }])
      : ended({ ...settled, failure: result.failure }, "end", [{ is: "not-ready", verdict: "FROZEN" }]);
  }
  if (result.failure !== undefined) return command(settled, interpreter.endApplication, "repairing", now);
  return nextCleanup({ ...settled, progress: interpreter.record(settled.progress, result.output) }, interpreter, now);
}

function onProof(attempt: Attempt, interpreter: Interpreter, now: Instant): UpkeepChange {
  const verdict: Verdict = attempt.proof?.verdict ?? "NO_SURFACE";
  if (verdict === "NO_SURFACE") return ended(attempt, "end", [{ is: "not-ready", verdict }]);
  if (verdict === "APP_NOT_RUNNING") return ended(attempt, "end", [{ is: "clean" }]);
  if (verdict === "FROZEN") return command(attempt, interpreter.endApplication, "repairing", now);
  return nextCleanup({ ...attempt, progress: interpreter.begin("cleanup") }, interpreter, now);
}

function nextCleanup(attempt: Attempt, interpreter: Interpreter, now: Instant): UpkeepChange {
  const next = interpreter.next(attempt.progress);
  if (next.is === "finished") return ended(attempt, "end", [{ is: "clean" }]);
  if (next.is === "failed") return command(attempt, interpreter.endApplication, "repairing", now);
  return command({ ...attempt, progress: next.progress }, next.command, "cleaning", now);
}

function command(attempt: Attempt, spec: CommandSpec, phase: Attempt["phase"], now: Instant): UpkeepChange {
  const deadlineAt = now + spec.timeoutMs + limits.resultGraceMs;
  const commandNumber = attempt.commandNumber + 1;
  return {
    attempt: { ...attempt, phase, commandNumber, outstanding: { spec, deadlineAt } },
    lease: "keep",
    marks: [],
  };
}

function ended(attempt: Attempt, lease: LeaseFate, marks: readonly MachineMark[]): UpkeepChange {
  const { outstanding: _, ending: __, held: ___, ...rest } = attempt;
  const how = marks.some((mark) => mark.is === "clean") ? "succeeded" : marks.length > 0 ? "failed" : "cancelled";
  return { attempt: { ...rest, phase: "ended" }, lease, marks, ended: how };
}
