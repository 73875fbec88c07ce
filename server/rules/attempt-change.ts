// One change of a run and its live attempt: readiness, steps, holding, stopping, cleanup, the end. The attempt does the
// workflow's steps, or its `verify` steps to settle an earlier one. `advance.ts` is its door, and holds the invariants that
// it keeps.

import type { Attempt, Ending } from "./attempt.ts";
import { type CommandSpec, pauseFor } from "./command.ts";
import { foldCommit } from "./commit.ts";
import type { EventBody } from "./event.ts";
import type { CommandResult, LiveAttempt, RunChange } from "./happening.ts";
import type { Interpreter } from "./interpreter.ts";
import type { LeaseFate } from "./lease.ts";
import { limits } from "./limits.ts";
import type { HoldReason, MachineMark } from "./machine.ts";
import type { Instant } from "./names.ts";
import { blamesMachine } from "./quarantine.ts";
import { type BudgetChange, retryBudget } from "./retry.ts";
import type { Run } from "./run.ts";
import { decideRun, type RunStep, unsettle } from "./run-ending.ts";
import { endUnknown, settle } from "./settling.ts";

/** One change under way: the run and attempt as they become, and what is told of it. */
export class AttemptChange {
  run: Run;
  attempt: Attempt;
  readonly events: EventBody[] = [];
  readonly #now: Instant;
  readonly #interpreter: Interpreter;
  readonly #budgetLeft: number;
  readonly #marks: MachineMark[] = [];
  #budget: BudgetChange = "keep";
  #ended: Ending["is"] | undefined;
  readonly #where: { readonly attempt: number; readonly machine: string };

  constructor(run: Run, live: LiveAttempt, now: Instant) {
    this.run = run;
    this.attempt = live.attempt;
    this.#now = now;
    this.#interpreter = live.interpreter;
    this.#budgetLeft = live.budgetLeft;
    this.#where = { attempt: live.attempt.number, machine: live.machine };
  }

  #done(lease: LeaseFate): RunChange {
    const { run, attempt, events } = this;
    const ended = this.#ended === undefined ? {} : { ended: this.#ended };
    return { run, attempt, events, lease, marks: this.#marks, budget: this.#budget, ...ended };
  }

  onSilent(): RunChange {
    this.events.push({ kind: "HOLDING", reason: "MACHINE_SILENT", ...this.#where });
    return this.#done("keep");
  }

  onHeld(why: HoldReason): RunChange | undefined {
    if (this.attempt.held?.why === why) return undefined;
    this.attempt = { ...this.attempt, held: { why, since: this.#now } };
    this.events.push({ kind: "HOLDING", reason: why, ...this.#where });
    return this.#done("keep");
  }

  onLetGo(): RunChange | undefined {
    const { held, ...free } = this.attempt;
    if (held === undefined) return undefined;
    this.attempt = free;
    return this.onBack();
  }

  onCancel(): RunChange | undefined {
    const { state } = this.run;
    const { unsettled } = this.run;
    if (state.is === "cancelling" || this.attempt.ending?.is === "cancelled") return undefined;
    if (state.is === "running") this.run = { ...this.run, state: { ...state, is: "cancelling" } };
    if (state.is === "verifying" && unsettled !== undefined && this.attempt.ending !== undefined) {
      if (state.deadlineAt <= this.#now) return undefined;
      // What it has found counts; but if that is nothing, it was the last try.
      const last = { ...state, deadlineAt: this.#now };
      this.run = { ...this.run, state: last, unsettled: { ...unsettled, cancelled: true } };
    }
    this.events.push({ kind: "CANCEL_REQUESTED" });
    // An attempt that ends already ends as it would have; but it is not followed by another.
    return this.stop({ is: "cancelled" }) ?? this.#done("keep");
  }

  /** The time that the machine was away, or held, is not the command's: it has its whole time again, within the run's. */
  onBack(): RunChange {
    const { outstanding, ending, phase } = this.attempt;
    if (outstanding !== undefined) {
      const stopping = ending !== undefined && phase !== "cleaning";
      const wholeMs = stopping ? limits.abandonGraceMs : outstanding.spec.timeoutMs + limits.resultGraceMs;
      const deadlineAt = Math.max(outstanding.deadlineAt, this.#now + wholeMs);
      this.attempt = { ...this.attempt, outstanding: { ...outstanding, deadlineAt } };
    }
    const { held } = this.attempt;
    this.events.push(
      held === undefined ? { kind: "RESUMED", ...this.#where } : { kind: "HOLDING", reason: held.why, ...this.#where },
    );
    return this.#done("keep");
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
    if (this.attempt.held !== undefined) return undefined;
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
    // One of which nothing reached the desktop was not begun after all.
    const unbegun = spec.effect === "commit" && result.failure !== undefined && result.input === "none" ? 1 : 0;
    this.attempt = {
      ...settled,
      commitsBegun: settled.commitsBegun - unbegun,
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
        throw new Error(`attempt ${this.attempt.id} has ended with a command outstanding`);
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
      this.#marks.push({ is: "ready" });
      const section = this.attempt.purpose === "verify" ? "verify" : "steps";
      this.attempt = { ...this.attempt, progress: this.#interpreter.begin(section) };
      return this.#nextStep();
    }
    const comingUp = this.attempt.readyBy !== undefined && this.#now < this.attempt.readyBy;
    if (comingUp) return this.#command(pauseFor("prove", limits.proveAgainMs), "settling");
    const { launch } = this.#interpreter;
    if (proof.verdict === "APP_NOT_RUNNING" && launch !== undefined && this.attempt.repairs < limits.repairsMax) {
      this.events.push({ kind: "REPAIRING", step: launch.step, ...this.#where });
      const readyBy = this.#now + limits.launchReadyMs;
      this.attempt = { ...this.attempt, repairs: this.attempt.repairs + 1, readyBy };
      return this.#command(launch, "repairing");
    }
    const why = proof.surfaceCause === undefined ? "" : ` (${proof.surfaceCause})`;
    return this.#notReady(`its verdict was ${proof.verdict}${why}`);
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
    if (this.attempt.purpose === "verify" && saysNo(result)) return this.#finish({ is: "verified", held: false });
    const retry = this.#interpreter.retryStep(this.attempt.progress, {
      category: failure.category,
      input: result.input,
    });
    if (!retry.again || this.attempt.commitLabel === "UNKNOWN") return this.#finish({ is: "failed", failure });
    this.attempt = { ...this.attempt, progress: retry.progress };
    return retry.delayMs > 0 ? this.#command(pauseFor(spec.step, retry.delayMs), "waiting") : this.#nextStep();
  }

  #nextStep(): RunChange {
    const next = this.#interpreter.next(this.attempt.progress);
    if (next.is === "failed") return this.#finish({ is: "failed", failure: next.failure });
    this.attempt = { ...this.attempt, progress: next.progress };
    if (next.is === "finished") {
      return this.#finish(
        this.attempt.purpose === "verify" ? this.#verified() : { is: "succeeded", outputs: next.outputs },
      );
    }
    this.events.push({ kind: "STEP_STARTED", step: next.command.step, ...this.#where });
    return this.#command(next.command, "stepping");
  }

  /** All that the workflow commits took hold. */
  #verified(): Ending {
    const steps = this.run.unsettled?.ending.reached ?? null;
    const outputs = this.#interpreter.verifiedOutputs(steps, this.attempt.progress);
    return { is: "verified", held: true, ...(outputs === undefined ? {} : { outputs }) };
  }

  #command(spec: CommandSpec, phase: Attempt["phase"]): RunChange {
    const deadlineAt = this.#now + spec.timeoutMs + limits.resultGraceMs;
    const commandNumber = this.attempt.commandNumber + 1;
    const commitsBegun = this.attempt.commitsBegun + (spec.effect === "commit" ? 1 : 0);
    this.attempt = { ...this.attempt, phase, commandNumber, commitsBegun, outstanding: { spec, deadlineAt } };
    return this.#done("keep");
  }

  /** The steps are over, one way or another: cleanup while the lease holds, then the end. */
  #finish(ending: Ending): RunChange {
    // A frozen application would only take the steps' time: it is ended before its machine is given anything else.
    const frozen = ending.is === "failed" && ending.failure.category === "FROZEN";
    if (frozen || !this.#owesCleanup()) return this.conclude(ending, "end");
    // Cleanup would wait for whoever holds, and nobody knows for how long: the run does not.
    if (this.attempt.held !== undefined) return this.conclude(ending, "end", "unclean");
    const told = ending.is === "succeeded" || ending.is === "verified";
    const reached = told ? ending : { ...ending, reached: this.attempt.progress };
    this.attempt = { ...this.attempt, ending: reached, progress: this.#interpreter.begin("cleanup") };
    return this.#nextCleanup(ending);
  }

  /** Its steps may have left something open: they are written for a machine that was READY. */
  #owesCleanup(): boolean {
    return this.#interpreter.hasCleanup && this.attempt.proof?.verdict === "READY";
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
    if (result.failure !== undefined) return this.conclude(ending, "end", "unclean");
    this.attempt = { ...this.attempt, progress: this.#interpreter.record(this.attempt.progress, result.output) };
    return this.#nextCleanup(ending);
  }

  /**
   * The end of the attempt. `left`: what its machine was left like. Whoever ends it before its cleanup was done leaves it
   * unclean, and so does a frozen application.
   */
  conclude(ending: Ending, lease: LeaseFate, left: "clean" | "unclean" = "clean"): RunChange {
    const { outstanding, ending: _, held: __, ...rest } = this.attempt;
    const folded =
      outstanding === undefined
        ? rest.commitLabel
        : foldCommit(rest.commitLabel, outstanding.spec.effect, { is: "pending" });
    // All steps done is all commits done, whether or not each had a check of its own.
    const label = ending.is === "succeeded" && folded === "UNKNOWN" ? "AFTER_COMMIT" : folded;
    const failure = ending.is === "failed" ? ending.failure : undefined;
    const why = failure === undefined ? {} : { failure };
    // Without a proof nobody knows more than that it did not answer.
    const verdict = rest.proof?.verdict ?? "FROZEN";
    if (failure?.category === "NOT_READY") this.#marks.push({ is: "not-ready", verdict });
    if (ending.is === "succeeded" || ending.is === "verified") this.#marks.push({ is: "succeeded" });
    else if (failure !== undefined && blamesMachine(failure.category)) this.#marks.push({ is: "failed" });
    const cut = outstanding !== undefined && this.#owesCleanup();
    const frozen = failure?.category === "FROZEN" || rest.proof?.verdict === "FROZEN";
    if (left === "unclean" || cut || frozen) this.#marks.push({ is: "unclean" });
    this.attempt = { ...rest, phase: "ended", commitLabel: label, ...why };
    this.#ended = ending.is;
    this.events.push({ kind: "ATTEMPT_ENDED", label, ...why, ...this.#where });
    const decided = rest.purpose === "verify" ? this.#settled(ending) : this.#decided(ending);
    this.run = decided.run;
    this.events.push(decided.event);
    return this.#done(lease);
  }

  #decided(ending: Ending): RunStep {
    if (ending.is === "verified") throw new Error(`attempt ${this.attempt.id} has verified and is none for that`);
    const { id, machineId, commitLabel: label, commitsBegun, progress } = this.attempt;
    const run = { ...this.run, attemptsUsed: this.run.attemptsUsed + 1 };
    const { verify } = this.#interpreter;
    if (label === "UNKNOWN" && verify !== undefined && ending.is !== "succeeded") {
      const reached = { ...ending, reached: ending.reached ?? progress };
      const cancelled = run.state.is === "cancelling" && ending.is !== "cancelled" ? { cancelled: true as const } : {};
      const unsettled = { attemptId: id, machineId, ending: reached, commitsBegun, on: verify.on, tries: 0 };
      const takenOver = ending.is === "failed" && ending.failure.category === "MACHINE_LOST";
      const notBeforeAt = takenOver ? this.#now : this.#now + limits.verifyAfterMs;
      return unsettle(run, { ...unsettled, ...cancelled }, notBeforeAt, this.#now + verify.withinMs);
    }
    const decided = decideRun(run, { ending, label, machineId }, this.#budgetLeft, this.#now);
    const first = run.attemptsUsed === 1 && decided.budget !== "spend" && this.#budgetLeft < retryBudget.max;
    this.#budget = first ? "earn" : (decided.budget ?? "keep");
    return decided;
  }

  /** What the end of a verify attempt makes of its run. */
  #settled(ending: Ending): RunStep {
    const { state } = this.run;
    if (ending.is === "cancelled")
      return endUnknown(this.run, "it was cancelled before verify had found out", this.#now);
    const deadlineAt = state.is === "ended" || ending.is === "expired" ? this.#now : state.deadlineAt;
    const missing = this.run.unsettled?.away === true ? "UNCLEAR" : "NOT_HELD";
    const verification = ending.is !== "verified" ? "UNCLEAR" : ending.held ? "HELD" : missing;
    this.events.push({ kind: "VERIFIED", verification, ...this.#where });
    const outputs = ending.is === "verified" && ending.outputs !== undefined ? { outputs: ending.outputs } : {};
    const decided = settle(this.run, { verification, deadlineAt, ...outputs }, this.#budgetLeft, this.#now);
    this.#budget = decided.budget ?? "keep";
    return decided;
  }
}

/** A verify step has found that it did not take hold; any other failure only means that it could not find out. */
const saysNo = ({ failure, output }: CommandResult): boolean =>
  failure?.category === "ASSERTION_FAILED" || (failure?.category === "EXEC_FAILED" && output.exitCode === 1);
