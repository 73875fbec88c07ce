// The one place where a run and its attempt change. Pure: what happened comes in, what is now true goes out.
//
// Invariants:
// 1. A run has a live attempt exactly while it is running or cancelling.
// 2. A command is outstanding or its result is folded into the commit label, never both and never neither (G4).
// 3. Whatever ends an attempt goes through `conclude`; whatever ends a run goes through `run-ending.ts`.
// 4. The machine is let go (`end`) only when nothing is outstanding or its holder is known to be dead; else `fence` (G1).

import { AttemptChange } from "./attempt-change.ts";
import type { LiveAttempt, RunChange, RunHappening } from "./happening.ts";
import type { Instant } from "./names.ts";
import type { Run } from "./run.ts";
import { endRun } from "./run-ending.ts";

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
    const ended = endRun(run, "CANCELLED", "BEFORE_COMMIT", now);
    return { run: ended.run, events: [{ kind: "CANCEL_REQUESTED" }, ended.event], lease: "keep" };
  }
  if (happening.is !== "deadline-passed") return undefined;
  const ended = endRun(run, "EXPIRED", "BEFORE_COMMIT", now);
  return { run: ended.run, events: [ended.event], lease: "keep" };
}
