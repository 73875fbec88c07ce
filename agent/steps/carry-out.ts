// Carries out one command: look, guard, act, check. Always ends with a result that says how much input arrived.
//
// 1. The guard is evaluated, and targets are found, on one look taken just before the first input, at an application that
//    answered before it; if the agent had to hold in between, they are taken again.
// 2. Whatever ends the command, the amount of input is read after the last call that could have been made.
// 3. Nothing from the screen or the inputs is in a failure's message (G11).

import { setTimeout as sleep } from "node:timers/promises";
import { ArtifactKind, type Command, type InputAmount } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { ReceiverChanged, UnknownKey } from "../desktop/desktop.ts";
import { act, type Finding, untilHold } from "./actions.ts";
import { firstFailing, nameOf } from "./conditions.ts";
import { CommandGate, Outdated } from "./gate.ts";
import { AnswerWatch, diagnosed, untilAnswering } from "./liveness.ts";
import { Look } from "./look.ts";
import { afterOwnTime } from "./own-time.ts";
import type { Scope } from "./scope.ts";
import { StepEnded, unlessEnded } from "./step-ended.ts";

export interface CarriedOut extends Omit<Finding, "failure"> {
  readonly input: InputAmount;
  readonly failure: StepEnded | undefined;
  /** Settles when the desktop has really let go; a command that ran out of time may be reported before. */
  readonly settled: Promise<void>;
}

/** Between two frames of the film strip of a long command. */
const FILM_INTERVAL_MS = 2000;
/** Actions that send nothing and so need no permission: an agent that holds may still look. */
const LOOKING = new Set(["prove", "wait", "read", "assert", "screenshot", "pause"]);
/** Actions on what the application shows or takes: one that hangs shows what is old, and takes it later. */
const NEEDS_ANSWER = new Set(["click", "move", "drag", "scroll", "type", "press", "paste", "close", "read", "assert"]);
/** ... and of these, those that send something: done is what has been taken. */
const TAKEN = new Set([...NEEDS_ANSWER].filter((action) => action !== "read" && action !== "assert"));
/** Actions whose own end says nothing of the application. */
const APART = new Set(["prove", "launch", "exec", "screenshot", "pause", "endApplication"]);

const notDone = "the step's own check did not hold in time";

export async function carryOut(command: Command, scope: Scope): Promise<CarriedOut> {
  const apart = APART.has(command.action.case ?? "");
  const watch = apart && command.done.length === 0 ? undefined : new AnswerWatch(scope);
  const gate = new CommandGate(scope.permission, scope.processNames, scope.signal, watch);
  const progress = { checking: false };
  const performing = perform(command, gate, scope, progress);
  const settled = performing.then(
    () => {},
    () => {},
  );
  const stopFilming = film(command, scope);
  try {
    const { failure, ...finding } = await unlessEnded(scope.signal, performing);
    return { ...finding, input: gate.amount, failure, settled };
  } catch (error) {
    const ended = await asStepEnded(error, scope, progress.checking);
    const silentMs = watch?.silentMs() ?? 0;
    const failure = apart && !progress.checking ? ended : await diagnosed(ended, scope, silentMs);
    return { failure, input: gate.amount, settled };
  } finally {
    watch?.stop();
    stopFilming();
  }
}

async function perform(command: Command, gate: CommandGate, scope: Scope, progress: { checking: boolean }) {
  const finding = await looked(command, gate, scope);
  gate.complete();
  progress.checking = true;
  if (finding.failure !== undefined) return finding;
  if (command.done.length > 0) await untilDone(command, scope);
  else if (TAKEN.has(command.action.case ?? "")) await untilAnswering(scope);
  return finding;
}

/** The step's own check: within its own time if it has one, and the command's in any case. */
async function untilDone({ done, doneTimeoutMs }: Command, scope: Scope): Promise<void> {
  if (doneTimeoutMs === 0) return untilHold(done, scope);
  const late = new AbortController();
  const inTime = afterOwnTime(scope.permission, doneTimeoutMs, () => late.abort());
  const signal = AbortSignal.any([scope.signal, late.signal]);
  try {
    await unlessEnded(signal, untilHold(done, { ...scope, signal }));
  } catch (error) {
    if (late.signal.aborted && !scope.signal.aborted) throw new StepEnded("NOT_DONE", notDone);
    throw error;
  } finally {
    inTime();
  }
}

async function looked(command: Command, gate: CommandGate, scope: Scope): Promise<Finding> {
  for (;;) {
    const action = command.action.case ?? "";
    if (!LOOKING.has(action)) await gate.live();
    if (NEEDS_ANSWER.has(action)) await untilAnswering(scope);
    const look = new Look(scope.desktop, scope.sight, scope.processNames);
    const failing = await firstFailing(command.guard, look);
    if (failing !== undefined) {
      throw new StepEnded("GUARD_FAILED", `${nameOf(command.guard[failing], failing, "guard")} did not hold`);
    }
    try {
      return await act(command, gate, look, scope);
    } catch (error) {
      if (!(error instanceof Outdated)) throw error;
    }
  }
}

async function asStepEnded(error: unknown, scope: Scope, checking: boolean): Promise<StepEnded> {
  // A sleep that the signal interrupted throws an AbortError of its own; the reason is what counts.
  const ended = scope.signal.aborted ? scope.signal.reason : error;
  if (ended instanceof StepEnded) {
    const late = checking && ended.category === "TIMEOUT";
    return late ? new StepEnded("NOT_DONE", notDone) : ended;
  }
  if (ended instanceof UnknownKey) return new StepEnded("UNSUPPORTED", "the chord has a key that is not known");
  if (ended instanceof ReceiverChanged)
    return new StepEnded("FOCUS_LOST", "another window came up during an input call");
  const surface = await Promise.race([scope.desktop.surface().catch(() => undefined), sleep(1000)]);
  if (surface?.is !== "present") return new StepEnded("NO_SURFACE", "there is no surface to act on");
  return new StepEnded("AGENT_ERROR", `the desktop failed: ${ended instanceof Error ? ended.name : "unknown"}`);
}

/** A frame at the command's end, and one now and then while it lasts, so that a strip exists up to a death. */
function film(command: Command, scope: Scope): () => void {
  if (command.action.case === "prove" || command.action.case === "screenshot") return () => {};
  const take = () => void scope.keep(ArtifactKind.FRAME, scope.desktop.capture());
  const filming = setInterval(take, FILM_INTERVAL_MS);
  return () => {
    clearInterval(filming);
    take();
  };
}
