// The process that makes the checks: answers each name with a judgement, and ends with the process that asks.

import type { Checks } from "./checks.ts";
import type { ExaminerSays } from "./examination.ts";
import { type CheckName, fault } from "./finding.ts";

/** Resolves when whoever asks is gone. */
export function serveChecks(checks: Checks): Promise<void> {
  const say = (says: ExaminerSays) => process.send?.(says);
  process.on("message", (check: CheckName) => {
    checks[check]().then(
      (judged) => say({ judged }),
      // The name only: an error's own words may hold what is on the screen.
      ({ name }: Error) =>
        say({
          judged: fault(`it failed (${name})`, "Install the agent again, or report this with the agent's version."),
        }),
    );
  });
  say({ judged: undefined });
  return new Promise((resolve) => process.once("disconnect", resolve));
}
