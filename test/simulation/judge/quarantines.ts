// A machine on which one attempt after the other fails is passed over for a while, and then tried again. That it fails is seen in
// the attempts; that it is quarantined is the control plane's to say, and is believed for as long as it may last.

import type { SimulationRecord } from "../record.ts";
import { type Find, roundingMs } from "./finding.ts";
import { attached, byKey, disturbances, doubled, entriesOf, type Span, within } from "./reading.ts";

/** For how long a machine that fails is left alone, doubling with each time that it is again. */
const quarantineMs = { first: 30_000, most: 1_800_000 };
/** So many fail one after the other first. */
const failuresMin = 3;
/** These say nothing of the machine: somebody's doing, or what is left alone for a time of its own. */
const blameless = new Set(["CANCELLED", "DRAINED", "FORCE_RELEASED", "NOT_READY"]);

/** So many machines of a pool may be left alone at a time. */
const most = (machines: number): number => (machines < 2 ? 0 : Math.max(1, Math.floor(machines / 4)));

/** While nothing is given to a machine because it failed; not for longer than it may be. */
export function quarantined(record: SimulationRecord, machine: string): Span[] {
  return record.quarantines
    .filter((quarantine) => quarantine.machine === machine)
    .map(({ from, to }, times) => ({ from, to: Math.min(to, from + doubled(quarantineMs, times) + roundingMs) }));
}

export function judgeQuarantines(record: SimulationRecord, find: Find): void {
  const enrolled = new Set(entriesOf(record, "offered").map(({ machine }) => machine)).size;
  for (const { machine, from, to } of record.quarantines) {
    const spans = quarantined(record, machine);
    const longest = spans.find((span) => span.from === from)?.to ?? from;
    if (to > longest) find("quarantine without end", longest, `${machine} is quarantined until ${to} ms`);
    const count = record.quarantines.filter((one) => one.from <= from && one.to > from).length;
    if (count > most(enrolled))
      find("quarantine without end", from, `${count} of ${enrolled} machines are quarantined`);
  }
  for (const [machine, attempts] of byKey(record.attempts, (attempt) => attempt.machine)) {
    const spans = quarantined(record, machine);
    const tries = attempts.filter(({ purpose }) => purpose !== "upkeep");
    for (const { id, startedAt } of tries) {
      const beside = spans.some(({ from, to }) => startedAt > from + roundingMs && startedAt < to - 2 * roundingMs);
      if (beside) find("quarantine unheeded", startedAt, `attempt ${id} began on ${machine}, which is quarantined`);
    }
    judgeFed(record, machine, tries, find);
  }
}

/** What goes on failing is not given more, unless too many others are left alone. */
function judgeFed(record: SimulationRecord, machine: string, tries: SimulationRecord["attempts"], find: Find): void {
  const freed = entriesOf(record, "going on").filter(({ stop, target }) => stop === "cordon" && target === machine);
  let failed: number[] = [];
  for (const { id, startedAt, endedAt, category } of tries.toSorted((a, b) => a.startedAt - b.startedAt)) {
    const last = failed.at(-1);
    if (failed.length >= failuresMin && last !== undefined && startedAt - last < quarantineMs.first) {
      const released = freed.some(({ at }) => at <= startedAt && at > last - 60_000);
      if (!released && mayQuarantine(record, machine, last)) {
        find("quarantine unheeded", startedAt, `attempt ${id} began on ${machine}, where ${failed.length} had failed`);
      }
    }
    if (endedAt === null || (category !== null && blameless.has(category))) continue;
    failed = category === null ? [] : [...failed, endedAt];
  }
}

/** Whether one more could surely be left alone then: of those machines that were surely there. */
function mayQuarantine(record: SimulationRecord, machine: string, at: number): boolean {
  if (within(disturbances(record, ""), at)) return false;
  const others = record.quarantines.filter((one) => one.machine !== machine && one.from <= at && one.to >= at).length;
  const there = [...new Set(entriesOf(record, "attached").map((entry) => entry.machine))].filter(
    (each) => within(attached(record, each), at) && !within(disturbances(record, each), at),
  );
  return others < most(there.length);
}
