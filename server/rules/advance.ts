// The one place where a run and its attempt change. Pure: what happened comes in, what is now true goes out.
//
// Invariants:
// 1. A run has a live attempt exactly while it is running, cancelling or verifying.
// 2. A command is outstanding or its result is folded into the commit label, never both and never neither (G4).
// 3. Whatever ends an attempt goes through `conclude`; whatever ends a run goes through `run-ending.ts`.
// 4. A run is unsettled only if a commit step of its last attempt may have taken hold.
// 5. The machine is let go (`end`) only when nothing is outstanding or its holder is known to be dead; else `fence` (G1).

import { AttemptChange } from "./attempt-change.ts";
import type { EventBody } from "./event.ts";
import type { LiveAttempt, RunChange, RunHappening } from "./happening.ts";
import type { Instant } from "./names.ts";
import type { Run } from "./run.ts";
import { endRun, type RunStep } from "./run-ending.ts";
import { endUnknown, resolve } from "./settling.ts";

/** What is true after `happening`, or undefined when it changes nothing (it is late, or repeated). */
export function advance(
  run: Run,
  live: LiveAttempt | undefined,
  happening: RunHappening,
  now: Instant,
): RunChange | undefined {
  if (run.state.is === "ended") return advanceEnded(run, happening, now);
  if (run.state.is === "queued") return advanceQueued(run, happening, now);
  if (run.state.is === "unsettled") return advanceUnsettled(run, happening, now);
  if (live === undefined || live.attempt.phase === "ended")
    throw new Error(`run ${run.id} is ${run.state.is} without a live attempt`);
  const change = new AttemptChange(run, live, now);
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
      return change.onSilent();
    case "machine-back":
      return change.onBack();
    case "held":
      return change.onHeld(happening.why);
    case "let-go":
      return change.onLetGo();
    case "drain-overdue":
      return change.stop({
        is: "failed",
        failure: { category: "DRAINED", message: "the machine was drained, and its deadline had come" },
      });
    case "force-released":
      return change.conclude(
        change.attempt.ending ?? {
          is: "failed",
          failure: { category: "FORCE_RELEASED", message: "an operator took the machine away" },
        },
        "fence",
      );
    case "resolved":
    case "moved-to-front":
      return undefined;
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

/** What changed of the run alone. */
const alone = ({ run, event }: RunStep, ...before: EventBody[]): RunChange => ({
  run,
  events: [...before, event],
  lease: "keep",
  marks: [],
  budget: "keep",
});

const moveToFront = (run: Run, front: number) => alone({ run: { ...run, front }, event: { kind: "MOVED_TO_FRONT" } });

function advanceQueued(run: Run, happening: RunHappening, now: Instant): RunChange | undefined {
  if (happening.is === "moved-to-front") return moveToFront(run, happening.front);
  if (happening.is === "cancel-requested") {
    return alone(endRun(run, "CANCELLED", "BEFORE_COMMIT", now), { kind: "CANCEL_REQUESTED" });
  }
  return happening.is === "deadline-passed" ? alone(endRun(run, "EXPIRED", "BEFORE_COMMIT", now)) : undefined;
}

function advanceUnsettled(run: Run, happening: RunHappening, now: Instant): RunChange | undefined {
  if (happening.is === "moved-to-front") return moveToFront(run, happening.front);
  if (happening.is === "cancel-requested") {
    const ended = endUnknown(run, "it was cancelled before verify had found out", now);
    return alone(ended, { kind: "CANCEL_REQUESTED" });
  }
  if (happening.is !== "deadline-passed") return undefined;
  return alone(endUnknown(run, "no machine was found in time on which verify could find out", now));
}

function advanceEnded(run: Run, happening: RunHappening, now: Instant): RunChange | undefined {
  const { state } = run;
  if (happening.is !== "resolved" || state.is !== "ended" || state.outcome !== "UNKNOWN") return undefined;
  const { resolution, outputs } = happening;
  return alone(resolve(run, resolution, outputs, now), { kind: "RESOLVED", resolvedAs: resolution.as });
}
