// A waiting run's place among those that compete with it, from counts: as `place` would place them one after the other. Pure.

import { begun, type Shares, startTag } from "./fair-share.ts";
import type { WaitingRun } from "./placement.ts";

/** Waiting runs of one caller that were moved to the front alike and have the same priority. */
export interface LineGroup {
  readonly caller: string;
  readonly front: number;
  readonly priority: number;
  readonly runs: number;
  /** Those of them with a lower id than the run that is asked about. */
  readonly earlier: number;
}

export interface Line {
  /** Groups of runs that are to be verified, and may be now. */
  readonly unsettled: readonly LineGroup[];
  readonly queued: readonly LineGroup[];
  readonly shares: Shares;
}

export interface InLine extends Pick<WaitingRun, "front" | "priority" | "purpose"> {
  readonly caller: string;
}

/**
 * How many of the line go before the run, and 1. Exact for a line of runs that could all go to the same machines, as far as they
 * are known now: whoever comes later with more urgency, or from a caller who has had less, may still go before it.
 */
export function placeInLine(run: InLine, { unsettled, queued, shares }: Line): number {
  const verifies = run.purpose === "verify";
  const groups = verifies ? unsettled : queued;
  let before = verifies ? 0 : total(unsettled);
  let now = begun(shares, [run.caller, ...groups.map(({ caller }) => caller)]);
  for (const level of levelsOf(groups)) {
    const by = urgency(level[0] as LineGroup, run);
    if (by > 0) break;
    if (by === 0) return before + beforeInLevel(run, level, now, verifies ? 0 : 1) + 1;
    before += total(level);
    if (!verifies) now = afterLevel(now, level);
  }
  return before + 1;
}

const total = (groups: readonly LineGroup[]) => groups.reduce((sum, { runs }) => sum + runs, 0);

type Urgency = Pick<LineGroup, "front" | "priority">;
const urgency = (a: Urgency, b: Urgency) => b.front - a.front || b.priority - a.priority;

/** What is equally urgent together, the most urgent first; one group for each caller. */
function levelsOf(groups: readonly LineGroup[]): LineGroup[][] {
  const levels: LineGroup[][] = [];
  for (const group of [...groups].sort((a, b) => urgency(a, b) || (a.caller < b.caller ? -1 : 1))) {
    const level = levels.at(-1);
    const last = level?.at(-1);
    if (level === undefined || last === undefined || urgency(last, group) !== 0) levels.push([group]);
    else if (last.caller !== group.caller) level.push(group);
    else level[level.length - 1] = { ...last, runs: last.runs + group.runs, earlier: last.earlier + group.earlier };
  }
  return levels;
}

/** `step`: how much the tag of a caller's next run is above the one that was placed before; 0 where shares do not count. */
function beforeInLevel(run: InLine, level: readonly LineGroup[], shares: Shares, step: 0 | 1): number {
  const own = level.find(({ caller }) => caller === run.caller)?.earlier ?? 0;
  const tag = own * step === 0 ? startTag(shares, run.caller) : nextTag(shares, run.caller) + own;
  return level.reduce((sum, group) => {
    if (group.caller === run.caller) return sum + own;
    return sum + (step === 0 ? allOrEarlier(group, tag, shares) : ofCaller(group, tag, shares));
  }, 0);
}

/** A caller's first run has its start tag; those that follow it count from the pool's virtual time, if that is later. */
const nextTag = (shares: Shares, caller: string) => Math.max(shares.virtualTime, startTag(shares, caller));

function allOrEarlier({ caller, runs, earlier }: LineGroup, tag: number, shares: Shares): number {
  const first = startTag(shares, caller);
  return first < tag ? runs : first === tag ? earlier : 0;
}

/** How many of the caller's runs have a lower tag than that, or the same and a lower id. */
function ofCaller({ caller, runs, earlier }: LineGroup, tag: number, shares: Shares): number {
  const first = startTag(shares, caller);
  const next = nextTag(shares, caller);
  if (first < next && tag <= next) return first < tag || (first === tag && earlier > 0) ? Math.min(1, runs) : 0;
  const ahead = tag - next;
  const lower = Math.min(runs, Math.max(0, Math.ceil(ahead)));
  const isTied = ahead >= 0 && Number.isInteger(ahead) && lower < runs;
  return lower + (isTied && earlier > lower ? 1 : 0);
}

/** The shares when the whole level is placed: each caller's runs follow one another, and the highest tag was the last. */
const afterLevel = (shares: Shares, level: readonly LineGroup[]): Shares =>
  level.reduce<Shares>((after, { caller, runs }) => {
    const finish = nextTag(shares, caller) + runs;
    return {
      virtualTime: Math.max(after.virtualTime, finish - 1),
      finish: { ...after.finish, [caller]: finish },
    };
  }, shares);
