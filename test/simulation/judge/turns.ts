// Whose turn it is. A run goes to a machine that it fits before any other that is less urgent: that was not moved to the front, or
// earlier, or has a lower priority. Of those that are as urgent, callers take turns: while a run waits for machines that others
// are given, each other caller is given two of them at most, and two more for each that its own caller is given.

import type { AttemptFact, SimulationRecord } from "../record.ts";
import { type Find, roundingMs } from "./finding.ts";
import { byKey, disturbances, within } from "./reading.ts";
import type { Wait } from "./waits.ts";

/** For so long a run may wait without being seen. */
const unseenMs = 1_000;

interface Turn {
  readonly at: number;
  readonly machine: string;
  readonly run: string;
  readonly caller: string;
}

export function judgeTurns(record: SimulationRecord, waits: readonly Wait[], find: Find): void {
  const runs = new Map(record.runs.map((run) => [run.id, run]));
  const everywhere = disturbances(record, "");
  const machines = new Map(record.attempts.map(({ machine }) => [machine, disturbances(record, machine)]));
  const turns = record.attempts
    .filter(({ purpose }) => purpose === "attempt")
    .map(({ startedAt: at, machine, run }: AttemptFact): Turn => {
      return { at, machine, run, caller: runs.get(run)?.caller ?? "" };
    });
  const calm = turns.filter(({ at, machine }) => !within([...everywhere, ...(machines.get(machine) ?? [])], at));
  const urgency = urgencies(record);
  for (const wait of waits) {
    const waiting = runs.get(wait.run);
    if (wait.verifies || waiting === undefined || wait.to - wait.from <= unseenMs) continue;
    const { caller } = waiting;
    const others = calm.filter(
      ({ at, machine, run }) =>
        at > wait.from + unseenMs && at < wait.to - roundingMs && run !== wait.run && wait.fits(machine, at),
    );
    const by = (turn: Turn) => urgency(turn.run, wait.run, turn.at);
    const over = others.find((turn) => by(turn) < 0);
    if (over !== undefined) find("overtaken", over.at, `run ${wait.run} waited, and run ${over.run} was placed`);
    const own = turns.filter((turn) => turn.caller === caller && turn.at >= wait.from && turn.at <= wait.to).length;
    const alike = others.filter((turn) => turn.caller !== caller && by(turn) === 0);
    for (const [other, given] of byKey(alike, (turn) => turn.caller)) {
      if (given.length <= 2 * (own + 1)) continue;
      const says = `run ${wait.run} of ${caller} waited while ${other} was given ${given.length} machines that fit it`;
      find("unfair share", wait.to, `${says}, and ${caller} ${own}`);
    }
  }
}

/** How much more urgent a run is than another one at a time; below 0: less. */
function urgencies(record: SimulationRecord): (run: string, than: string, at: number) => number {
  const moves = byKey(
    record.events.filter(({ kind }) => kind === "MOVED_TO_FRONT"),
    (event) => event.run,
  );
  const priorities = new Map(record.runs.map((run) => [run.id, run.priority]));
  const movedAt = (run: string, at: number) => moves.get(run)?.findLast((move) => move.at <= at)?.at ?? 0;
  return (run, than, at) =>
    movedAt(run, at) - movedAt(than, at) || (priorities.get(run) ?? 0) - (priorities.get(than) ?? 0);
}
