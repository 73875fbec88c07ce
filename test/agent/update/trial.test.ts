// Every state of `release.json` against every happening.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Release } from "../../../agent/update/release.ts";
import {
  advance,
  type Happening,
  type Program,
  programOf,
  type ReleaseRecord,
  UNTOUCHED,
} from "../../../agent/update/trial.ts";

const release = (version: string): Release => ({ version, sizeBytes: 1, sha256: "00" });
const ran = (version: string): Program => ({ is: "release", release: release(version) });
const installed: Program = { is: "installed" };
const failed = { version: "4.0.0", fault: "NOT_ATTACHED" } as const;

const states = {
  untouched: UNTOUCHED,
  settled: { is: "settled", current: ran("3.0.0"), previous: ran("2.0.0") },
  fellBack: { is: "settled", current: ran("3.0.0"), previous: installed, failed },
  unproven: { is: "settled", current: ran("4.0.0"), previous: ran("3.0.0"), shortLives: 0 },
  diedTwice: { is: "settled", current: ran("4.0.0"), previous: ran("3.0.0"), shortLives: 2 },
  asked: { is: "trying", candidate: release("4.0.0"), starts: 0, fallback: ran("3.0.0") },
  startedOnce: { is: "trying", candidate: release("4.0.0"), starts: 1, fallback: ran("3.0.0") },
  startedTwice: { is: "trying", candidate: release("4.0.0"), starts: 2, fallback: ran("3.0.0") },
} satisfies Record<string, ReleaseRecord>;
type State = keyof typeof states;

const happenings = {
  start: { what: "STARTING", installedVersion: "1.0.0" },
  startOfNewerInstalled: { what: "STARTING", installedVersion: "4.0.0" },
  tryFour: { what: "TRY", release: release("4.0.0") },
  attached: { what: "ATTACHED" },
  timeOver: { what: "TIME_OVER" },
  damaged: { what: "DAMAGED" },
  diedSoon: { what: "DIED", livedMs: 29_999 },
  diedLate: { what: "DIED", livedMs: 30_000 },
  proven: { what: "PROVEN" },
  wantsFour: { what: "WANTED", version: "4.0.0" },
  wantsFive: { what: "WANTED", version: "5.0.0" },
  wantsNone: { what: "WANTED", version: "" },
} satisfies Record<string, Happening>;

const provenFour: ReleaseRecord = { is: "settled", current: ran("4.0.0"), previous: ran("3.0.0") };
const gaveUpDamaged: ReleaseRecord = { ...states.fellBack, failed: { version: "4.0.0", fault: "DIGEST" } };
const back: Pick<
  Record<keyof typeof happenings, ReleaseRecord>,
  "startOfNewerInstalled" | "attached" | "timeOver" | "damaged"
> = {
  startOfNewerInstalled: UNTOUCHED,
  attached: states.unproven,
  timeOver: states.fellBack,
  damaged: gaveUpDamaged,
};

const unproven = {
  startOfNewerInstalled: UNTOUCHED,
  tryFour: { is: "trying", candidate: release("4.0.0"), starts: 0, fallback: ran("4.0.0") },
  damaged: { is: "settled", current: ran("3.0.0"), previous: installed },
  proven: provenFour,
} satisfies Partial<Record<keyof typeof happenings, ReleaseRecord>>;

/** What changes; whatever is not named here changes nothing. */
const changes: Readonly<Record<State, Partial<Record<keyof typeof happenings, ReleaseRecord>>>> = {
  untouched: { tryFour: { is: "trying", candidate: release("4.0.0"), starts: 0, fallback: installed } },
  settled: {
    startOfNewerInstalled: UNTOUCHED,
    tryFour: states.asked,
    damaged: { is: "settled", current: ran("2.0.0"), previous: installed },
  },
  fellBack: {
    startOfNewerInstalled: UNTOUCHED,
    damaged: { is: "settled", current: installed, previous: installed, failed },
    wantsFive: { is: "settled", current: ran("3.0.0"), previous: installed },
  },
  unproven: { ...unproven, diedSoon: { ...states.unproven, shortLives: 1 } },
  diedTwice: { ...unproven, diedSoon: states.fellBack },
  asked: { ...back, start: states.startedOnce },
  startedOnce: { ...back, start: states.startedTwice },
  startedTwice: { ...back, start: states.fellBack },
};

for (const state of Object.keys(states) as State[]) {
  test(`from ${state}, each happening leads where it should`, () => {
    for (const what of Object.keys(happenings) as (keyof typeof happenings)[]) {
      // Damage of the installed program is not the agent's to see.
      if (state === "untouched" && what === "damaged") continue;
      const after = advance(states[state], happenings[what]);
      const expected = changes[state][what];
      if (expected === undefined) assert.equal(after, states[state], what);
      else assert.deepEqual(after, expected, what);
    }
  });
}

test("a release that was given up is not tried again by itself, and is after another one was wanted", () => {
  assert.equal(advance(states.fellBack, happenings.tryFour), states.fellBack);
  const forgiven = advance(states.fellBack, happenings.wantsFive);
  assert.deepEqual(advance(forgiven, happenings.tryFour), states.asked);
});

test("whatever happens while no candidate attaches, after three starts a program runs that has attached before", () => {
  const { attached: _, startOfNewerInstalled: __, ...rest } = happenings;
  const disturbances: Happening[] = Object.values(rest);
  for (const one of disturbances) {
    for (const other of disturbances) {
      let record: ReleaseRecord = states.asked;
      for (const happening of [one, other, one]) {
        record = advance(record, happening);
        record = advance(record, happenings.start);
      }
      const program = programOf(record);
      const version = program.is === "installed" ? "1.0.0" : program.release.version;
      assert.notEqual(version, "4.0.0", `${one.what}, ${other.what}`);
    }
  }
});
