// Where operators have stopped something, or a person is at the mouse, nothing is injected and nothing begins (G14).
//
// 1. An agent that was told that it is halted injects nothing, not even what it was at. Its replica tells it as soon as it
//    knows, so that nothing of that attempt arrives later than a second after that.
// 2. A replica knows when it is woken; if that is lost, within the five seconds in which it reads again.
// 3. Nothing begins on what is halted, cordoned or paused from the moment that the operator has the answer.
// 4. What a machine does that is drained ends by the deadline, and what has to be done at its end (G6).
// 5. Nothing is injected while a person moves the mouse, and for five seconds after that, unless an operator says otherwise.

import type { AttemptFact, SimulationRecord, Stop } from "../record.ts";
import { type Find, roundingMs } from "./finding.ts";
import { byKey, disturbances, type Entries, entriesOf, stopped } from "./reading.ts";

/** How long an agent has to stop, once its replica knows. */
const stopMs = 1_000;
/** How long a replica may not know. */
const knowMs = { woken: 300, unwoken: 5_300 };
/** How long after a drain's deadline a lease may go on: the last command is abandoned, and cleaned up after. */
const drainedMs = 15_000;
/** A person who did nothing for so long has let go. */
const quietMs = 5_000;

export function judgeHalts(record: SimulationRecord, find: Find): void {
  const inputs = entriesOf(record, "input");
  for (const { at, machine, attempt, key, halted } of inputs) {
    if (halted)
      find("input while halted", at, `${machine} received ${key} of attempt ${attempt}, and was told to halt`);
  }
  const ends = entriesOf(record, "going on").flatMap(({ at, stop }) => (stop === "halt" ? [at] : []));
  const byAttempt = byKey(inputs, (input) => input.attempt);
  for (const { at, machine, attempt } of entriesOf(record, "halting")) {
    const until = ends.find((end) => end >= at) ?? record.endedAt;
    const late = firstBetween(record, byAttempt.get(attempt) ?? [], at + stopMs, until);
    if (late !== undefined) find("input while halted", late.at, `${machine}'s replica knew it at ${at.toFixed(0)} ms`);
  }
  const halts = stopped(record).filter(({ stop }) => stop === "halt");
  const reactingMs = stopMs + (record.wakeupsLost ? knowMs.unwoken : knowMs.woken);
  for (const attempt of record.attempts) {
    for (const halt of halts.filter((one) => covers(record, one, attempt))) {
      const late = firstBetween(record, byAttempt.get(attempt.id) ?? [], halt.from + reactingMs, halt.to);
      if (late === undefined) continue;
      find("input while halted", late.at, `the ${halt.kind} ${halt.target} was halted at ${halt.from.toFixed(0)} ms`);
    }
  }
}

export function judgeDrains(record: SimulationRecord, find: Find): void {
  const leases = byKey(record.leases, (lease) => lease.machine);
  for (const { at, target, drainMs, ...stop } of entriesOf(record, "stopped")) {
    if (drainMs === undefined) continue;
    const end =
      stopped(record).find((one) => one.from === at && one.stop === stop.stop && one.target === target)?.to ?? 0;
    const by = at + drainMs + drainedMs;
    const wrong = [...disturbances(record, ""), ...disturbances(record, target)].some(
      ({ from, to }) => from < by && to > at,
    );
    const lasting = leases.get(target)?.find(({ grantedAt, endedAt }) => grantedAt < at && (endedAt ?? by + 1) > by);
    if (wrong || by > end || lasting === undefined) continue;
    find("endless drain", by, `${target} was to be drained by ${(at + drainMs).toFixed(0)} ms`);
  }
}

/** An input between two times, where nothing was wrong since something was halted. */
function firstBetween(record: SimulationRecord, inputs: readonly Entries<"input">[], from: number, to: number) {
  return inputs.find(({ at, machine }) => {
    if (at <= from || at >= to) return false;
    const wrong = [...disturbances(record, ""), ...disturbances(record, machine)];
    return !wrong.some((span) => span.from <= at && span.to >= from - knowMs.unwoken - stopMs);
  });
}

/** What is cordoned or paused may be cleaned up, and so may what another workflow has left while that is halted: its agent holds. */
export function judgePlacing(record: SimulationRecord, find: Find): void {
  const stops = stopped(record).filter(({ stop }) => stop !== "limit");
  for (const attempt of record.attempts) {
    const { startedAt, id, purpose } = attempt;
    const stop = stops.find(({ from, to, ...one }) => {
      const begins = startedAt > from + roundingMs && startedAt < to - roundingMs;
      return begins && covers(record, one, attempt) && (purpose !== "upkeep" || mayNotBeCleaned(one));
    });
    if (stop === undefined) continue;
    find(
      "placed on what is stopped",
      startedAt,
      `attempt ${id} began beside a ${stop.stop} of ${stop.kind} ${stop.target}`,
    );
  }
}

const mayNotBeCleaned = ({ stop, kind }: Stop): boolean =>
  stop === "halt" && kind !== "workflow" && kind !== "application";

export function judgePersons(record: SimulationRecord, find: Find): void {
  const inputs = byKey(entriesOf(record, "input"), (input) => input.machine);
  const resumes = entriesOf(record, "going on").filter(({ stop, kind }) => stop === "halt" && kind === "machine");
  for (const { at, on, until } of entriesOf(record, "fault").filter(({ what }) => what === "person at the mouse")) {
    const resumed = resumes.find((resume) => resume.target === on && resume.at >= at)?.at ?? Number.POSITIVE_INFINITY;
    const over = Math.min(until + quietMs, resumed);
    const input = inputs.get(on)?.find((one) => one.at > at && one.at < over);
    if (input !== undefined) find("input beside a person", input.at, `${on} received ${input.key} beside a person`);
  }
}

function covers(record: SimulationRecord, { kind, target }: Stop, { machine, run }: AttemptFact): boolean {
  if (kind === "machine") return machine === target;
  if (kind === "workflow") return record.runs.find(({ id }) => id === run)?.workflow === target;
  return true;
}
