// The one place where a run and its attempt change. Pure: what happened comes in, what is now true goes out.
//
// Invariants:
// 1. A run has a live attempt exactly while it is running or cancelling.
// 2. A command is outstanding or its result is folded into the commit label, never both and never neither (G4).
// 3. Whatever ends an attempt goes through `conclude`; whatever ends a run goes through `endRun`.
// 4. The machine is let go (`end`) only when nothing is outstanding or its holder is known to be dead; else `fence` (G1).

import type { Attempt, Ending } from "./attempt.ts";
import type { CommandOutput, CommandSpec, InputAmount } from "./command.ts";
import { type CommitLabel, foldCommit } from "./commit.ts";
import type { EventBody } from "./event.ts";
import type { Failure } from "./failure.ts";
import type { Interpreter } from "./interpreter.ts";
import type { LeaseFate } from "./lease.ts";
import { limits } from "./limits.ts";
import type { Instant, Json } from "./names.ts";
import { decideRetry } from "./retry.ts";
import type { Outcome, Run } from "./run.ts";
import type { ReadinessProof } from "./verdict.ts";

/** How a command ended, as the agent says. */
export interface CommandResult {
  readonly number: number;
  readonly input: InputAmount;
  readonly durationMs: number;
  readonly failure?: Failure;
  readonly output: CommandOutput;
  readonly proof?: ReadinessProof;
}

export type RunHappening =
  | { readonly is: "result"; readonly result: CommandResult }
  | { readonly is: "cancel-requested" }
  /** The run's deadline passed: the queue's while it waits, its own while it runs. */
  | { readonly is: "deadline-passed" }
  /** The outstanding command's deadline passed while its machine is attached. */
  | { readonly is: "command-overdue" }
  /** The machine is silent, and may yet come back. */
  | { readonly is: "machine-silent" }
  | { readonly is: "machine-back" }
  /** Takeover, or proof that the attempt's incarnation is dead: it injects no more. */
  | { readonly is: "holder-gone"; readonly why: "MACHINE_LOST" | "AGENT_RESTARTED" };

export interface RunChange {
  readonly run: Run;
  readonly attempt?: Attempt;
  readonly events: readonly EventBody[];
  readonly lease: LeaseFate;
}

/** The live attempt with the name of its machine, for events. */
export interface LiveAttempt {
  readonly attempt: Attempt;
  readonly machine: string;
  readonly interpreter: Interpreter;
}

/** What is true after `happening`, or undefined when it changes nothing (it is late, or repeated). */
export function advance(
  run: Run,
  live: LiveAttempt | undefined,
  happening: RunHappening,
  now: Instant,
): RunChange | undefined {
  if (run.state.is === "ended") return undefined;
  if (run.state.is === "queued") return advanceQueued(run, happening, now);
  if (live === undefined) throw new Error(`run ${run.id} is ${run.state.is} without a live attempt`);
  const change = new Change(run, live, now);
  switch (happening.is) {
    case "result":
      return change.onResult(happening.result);
    case "cancel-requested":
      return change.onCancel();
    case "deadline-passed":
      return change.stop({ is: "expired" });
    case "command-overdue":
      return change.onOverdue();
    case "machine-silent":
      return change.note("HOLDING");
    case "machine-back":
      return change.onBack();
    case "holder-gone":
      return change.conclude(
        change.attempt.ending ?? {
          is: "failed",
          failure: {
            category: happening.why,
            message:
              happening.why === "MACHINE_LOST"
                ? "the machine was silent until its work had to be handed on"
                : "the agent on the machine was restarted during the attempt",
          },
        },
        "end",
      );
  }
}

function advanceQueued(run: Run, happening: RunHappening, now: Instant): RunChange | undefined {
  if (happening.is === "cancel-requested") {
    const ended = endRun(run, "CANCELLED", "BEFORE_COMMIT", now, undefined);
    return { run: ended.run, events: [{ kind: "CANCEL_REQUESTED" }, ended.event], lease: "keep" };
  }
  if (happening.is !== "deadline-passed") return undefined;
  const ended = endRun(run, "EXPIRED", "BEFORE_COMMIT", now, undefined);
  return { run: ended.run, events: [ended.event], lease: "keep" };
}

function endRun(
  run: Run,
  outcome: Outcome,
  label: CommitLabel,
  at: Instant,
  failure: (Failure & { retryDecision: string }) | undefined,
  outputs?: Json,
): { run: Run; event: EventBody } {
  const why = failure === undefined ? {} : { failure };
  return {
    run: {
      ...run,
      state: { is: "ended", outcome, label, at, ...why, ...(outputs === undefined ? {} : { outputs }) },
    },
    event: { kind: "ENDED", outcome, label, ...why },
  };
}

/** One change under way: the run and attempt as they become, and what is told of it. */
class Change {
  run: Run;
  attempt: Attempt;
  readonly events: EventBody[] = [];
  readonly #now: Instant;
  readonly #interpreter: Interpreter;
  readonly #where: { readonly attempt: number; readonly machine: string };

  constructor(run: Run, live: LiveAttempt, now: Instant) {
    this.run = run;
    this.attempt = live.attempt;
    this.#now = now;
    this.#interpreter = live.interpreter;
    this.#where = { attempt: live.attempt.number, machine: live.machine };
  }

  #done(lease: LeaseFate): RunChange {
    return { run: this.run, attempt: this.attempt, events: this.events, lease };
  }

  note(kind: "HOLDING" | "RESUMED"): RunChange {
    this.events.push({ kind, ...this.#where });
    return this.#done("keep");
  }

  onCancel(): RunChange | undefined {
    const { state } = this.run;
    if (state.is !== "running") return undefined;
    this.run = { ...this.run, state: { ...state, is: "cancelling" } };
    this.events.push({ kind: "CANCEL_REQUESTED" });
    // An attempt that ends already ends as it would have; but it is not followed by another.
    return this.stop({ is: "cancelled" }) ?? this.#done("keep");
  }

  /** The time that the machine was away is not the command's: it has its whole time again, within the run's. */
  onBack(): RunChange {
    const { outstanding, ending, phase } = this.attempt;
    if (outstanding !== undefined) {
      const stopping = ending !== undefined && phase !== "cleaning";
      const wholeMs = stopping ? limits.abandonGraceMs : outstanding.spec.timeoutMs + limits.resultGraceMs;
      const deadlineAt = Math.max(outstanding.deadlineAt, this.#now + wholeMs);
      this.attempt = { ...this.attempt, outstanding: { ...outstanding, deadlineAt } };
    }
    return this.note("RESUMED");
  }

  /** Stops the attempt: what is outstanding is abandoned first, so that its input is known. */
  stop(ending: Ending): RunChange | undefined {
    if (this.attempt.ending !== undefined) return undefined;
    this.attempt = { ...this.attempt, ending };
    if (this.attempt.outstanding === undefined) return this.#finish(ending);
    const deadlineAt = this.#now + limits.abandonGraceMs;
    this.attempt = { ...this.attempt, outstanding: { ...this.attempt.outstanding, deadlineAt } };
    return this.#done("keep");
  }

  onOverdue(): RunChange | undefined {
    const { outstanding, ending, phase } = this.attempt;
    if (outstanding === undefined || outstanding.deadlineAt > this.#now) return undefined;
    if (ending !== undefined) return this.conclude(ending, "fence");
    const { step } = outstanding.spec;
    const message = "the agent did not report in time";
    // Before its first step an attempt can only fail by its machine: another one may be ready.
    const steps = phase === "stepping" || phase === "waiting";
    return this.stop({
      is: "failed",
      failure: steps ? { category: "TIMEOUT", message, step } : { category: "NOT_READY", message },
    });
  }

  onResult(result: CommandResult): RunChange | undefined {
    const { outstanding, phase } = this.attempt;
    if (outstanding === undefined || result.number !== this.attempt.commandNumber) return undefined;
    const { spec } = outstanding;
    const { outstanding: _, ...settled } = this.attempt;
    this.attempt = {
      ...settled,
      commitLabel: foldCommit(settled.commitLabel, spec.effect, {
        is: "ended",
        succeeded: result.failure === undefined,
        input: result.input,
        checked: spec.done.length > 0,
      }),
    };
    switch (phase) {
      case "proving":
        return this.#onProof(result);
      case "repairing":
        if (this.attempt.ending !== undefined) return this.#finish(this.attempt.ending);
        if (result.failure !== undefined) return this.#notReady("it could not be started");
        return this.#command(this.#interpreter.prove, "proving");
      case "settling":
        if (this.attempt.ending !== undefined) return this.#finish(this.attempt.ending);
        return this.#command(this.#interpreter.prove, "proving");
      case "waiting":
        if (this.attempt.ending !== undefined) return this.#finish(this.attempt.ending);
        return this.#nextStep();
      case "stepping":
        return this.#onStep(spec, result);
      case "cleaning":
        return this.#onCleanup(result);
      case "ended":
        return undefined;
    }
  }

  #onProof(result: CommandResult): RunChange {
    const { proof } = result;
    if (proof !== undefined) {
      this.attempt = { ...this.attempt, proof };
      this.events.push({ kind: "PROVED", verdict: proof.verdict, ...this.#where });
    }
    if (this.attempt.ending !== undefined) return this.#finish(this.attempt.ending);
    if (proof === undefined) return this.#notReady("no proof could be taken");
    if (proof.verdict === "READY") {
      this.attempt = { ...this.attempt, progress: this.#interpreter.begin("steps") };
      return this.#nextStep();
    }
    const comingUp = this.attempt.readyBy !== undefined && this.#now < this.attempt.readyBy;
    if (comingUp) return this.#command(pause("prove", limits.proveAgainMs), "settling");
    const { launch } = this.#interpreter;
    if (proof.verdict === "APP_NOT_RUNNING" && launch !== undefined && this.attempt.repairs < limits.repairsMax) {
      this.events.push({ kind: "REPAIRING", step: launch.step, ...this.#where });
      const readyBy = this.#now + limits.launchReadyMs;
      this.attempt = { ...this.attempt, repairs: this.attempt.repairs + 1, readyBy };
      return this.#command(launch, "repairing");
    }
    return this.#notReady(`its verdict was ${proof.verdict}`);
  }

  #notReady(why: string): RunChange {
    return this.#finish({
      is: "failed",
      failure: { category: "NOT_READY", message: `the machine was not ready for the application: ${why}` },
    });
  }

  #onStep(spec: CommandSpec, result: CommandResult): RunChange {
    const { durationMs } = result;
    const failure = result.failure === undefined ? undefined : { ...result.failure, step: spec.step };
    const told = { step: spec.step, durationMs, ...this.#where };
    if (failure === undefined) {
      this.events.push({ kind: "STEP_DONE", ...told });
      const progress = this.#interpreter.record(this.attempt.progress, result.output);
      this.attempt = { ...this.attempt, progress, stepsDone: this.attempt.stepsDone + 1 };
      return this.attempt.ending === undefined ? this.#nextStep() : this.#finish(this.attempt.ending);
    }
    this.events.push({ kind: "STEP_FAILED", failure, ...told });
    if (this.attempt.ending !== undefined) return this.#finish(this.attempt.ending);
    const retry = this.#interpreter.retryStep(this.attempt.progress, {
      category: failure.category,
      input: result.input,
    });
    if (!retry.again || this.attempt.commitLabel === "UNKNOWN") return this.#finish({ is: "failed", failure });
    this.attempt = { ...this.attempt, progress: retry.progress };
    return retry.delayMs > 0 ? this.#command(pause(spec.step, retry.delayMs), "waiting") : this.#nextStep();
  }

  #nextStep(): RunChange {
    const next = this.#interpreter.next(this.attempt.progress);
    if (next.is === "failed") return this.#finish({ is: "failed", failure: next.failure });
    this.attempt = { ...this.attempt, progress: next.progress };
    if (next.is === "finished") return this.#finish({ is: "succeeded", outputs: next.outputs });
    this.events.push({ kind: "STEP_STARTED", step: next.command.step, ...this.#where });
    return this.#command(next.command, "stepping");
  }

  #command(spec: CommandSpec, phase: Attempt["phase"]): RunChange {
    const deadlineAt = this.#now + spec.timeoutMs + limits.resultGraceMs;
    const commandNumber = this.attempt.commandNumber + 1;
    this.attempt = { ...this.attempt, phase, commandNumber, outstanding: { spec, deadlineAt } };
    return this.#done("keep");
  }

  /** The steps are over, one way or another: cleanup while the lease holds, then the end. */
  #finish(ending: Ending): RunChange {
    if (!this.#interpreter.hasCleanup || this.attempt.proof?.verdict !== "READY") return this.conclude(ending, "end");
    this.attempt = { ...this.attempt, ending, progress: this.#interpreter.begin("cleanup") };
    return this.#nextCleanup(ending);
  }

  #nextCleanup(ending: Ending): RunChange {
    const next = this.#interpreter.next(this.attempt.progress);
    if (next.is !== "command") return this.conclude(ending, "end");
    this.attempt = { ...this.attempt, progress: next.progress };
    return this.#command(next.command, "cleaning");
  }

  #onCleanup(result: CommandResult): RunChange {
    const ending = this.attempt.ending;
    if (ending === undefined) throw new Error(`attempt ${this.attempt.id} cleans up without an ending`);
    if (result.failure !== undefined) return this.conclude(ending, "end");
    this.attempt = { ...this.attempt, progress: this.#interpreter.record(this.attempt.progress, result.output) };
    return this.#nextCleanup(ending);
  }

  conclude(ending: Ending, lease: LeaseFate): RunChange {
    const { outstanding, ending: _, ...rest } = this.attempt;
    const folded =
      outstanding === undefined
        ? rest.commitLabel
        : foldCommit(rest.commitLabel, outstanding.spec.effect, { is: "pending" });
    // All steps done is all commits done, whether or not each had a check of its own.
    const label = ending.is === "succeeded" && folded === "UNKNOWN" ? "AFTER_COMMIT" : folded;
    const failure = ending.is === "failed" ? ending.failure : undefined;
    const why = failure === undefined ? {} : { failure };
    this.attempt = { ...rest, phase: "ended", commitLabel: label, ...why };
    this.events.push({ kind: "ATTEMPT_ENDED", label, ...why, ...this.#where });
    const notReady = failure?.category === "NOT_READY";
    this.run = { ...this.run, attemptsUsed: this.run.attemptsUsed + 1 };
    this.#decideRun(ending, label, notReady);
    return this.#done(lease);
  }

  #decideRun(ending: Ending, label: CommitLabel, notReady: boolean): void {
    if (ending.is === "succeeded") this.#end("SUCCEEDED", label, undefined, ending.outputs);
    else if (ending.is === "failed") {
      const decision = decideRetry(this.run, ending.failure, label);
      const told = { ...ending.failure, retryDecision: `not tried again: ${decision.why}` };
      if (label === "UNKNOWN") this.#end("UNKNOWN", label, told);
      else if (decision.again && this.run.state.is === "cancelling") this.#end("CANCELLED", label);
      else if (!decision.again) this.#end("FAILED", label, told);
      else this.#requeue(notReady && !decision.counts);
    } else if (label === "UNKNOWN") this.#end("UNKNOWN", label);
    else this.#end(ending.is === "cancelled" ? "CANCELLED" : "EXPIRED", label);
  }

  #end(outcome: Outcome, label: CommitLabel, failure?: Failure & { retryDecision: string }, outputs?: Json): void {
    const ended = endRun(this.run, outcome, label, this.#now, failure, outputs);
    this.run = ended.run;
    this.events.push(ended.event);
  }

  #requeue(uncounted: boolean): void {
    const { run } = this;
    const runEnds = run.runDeadlineAt ?? this.#now + run.timeoutMs;
    this.run = {
      ...run,
      attemptsUsed: uncounted ? run.attemptsUsed - 1 : run.attemptsUsed,
      notReadyCount: uncounted ? run.notReadyCount + 1 : run.notReadyCount,
      // Another machine than this one; those before it may have recovered, and a small pool must not run out.
      avoid: [this.attempt.machineId],
      state: { is: "queued", deadlineAt: Math.min(this.#now + run.queueTimeoutMs, runEnds) },
    };
    this.events.push({ kind: "REQUEUED" });
  }
}

function pause(step: string, durationMs: number): CommandSpec {
  return {
    step,
    effect: "none",
    timeoutMs: durationMs + 1_000,
    guard: [],
    done: [],
    action: { is: "pause", durationMs },
  };
}
