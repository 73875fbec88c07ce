// Every state of a lease times everything that can happen to it (G1).

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { advanceLease, type LeaseState } from "../../../server/rules/lease.ts";
import { now } from "./fakes.ts";
import {
  type LeaseHappeningName,
  type LeaseName,
  leaseHappenings,
  leases,
  overdueLeases,
} from "./machine-situations.ts";

type Live = Exclude<LeaseName, "none">;

const rows: Record<Live, Record<LeaseHappeningName, LeaseState>> = {
  attempt: {
    kept: "live",
    ended: "ended",
    fenced: "fencing",
    // Only an order to stop can be acknowledged.
    acknowledged: "live",
    acknowledgedLate: "live",
    declined: "live",
    overdue: "live",
    holderGone: "ended",
  },
  service: {
    kept: "live",
    ended: "live",
    fenced: "live",
    acknowledged: "live",
    acknowledgedLate: "live",
    declined: "ended",
    overdue: "live",
    holderGone: "ended",
  },
  fencing: {
    kept: "fencing",
    ended: "fencing",
    fenced: "fencing",
    acknowledged: "ended",
    acknowledgedLate: "fencing",
    declined: "fencing",
    overdue: "fencing",
    holderGone: "ended",
  },
};

/** What its deadline makes of it: only a lease under which nothing is injected ends without its holder. */
const overdue: Record<Live, LeaseState> = { attempt: "live", service: "ended", fencing: "fencing" };

describe("a lease", () => {
  for (const [name, expected] of Object.entries(rows) as [Live, Record<LeaseHappeningName, LeaseState>][]) {
    test(`(${name}) changes by what its row says, and by nothing else`, () => {
      const names = Object.keys(leaseHappenings) as LeaseHappeningName[];
      const found = names.map((each) => [each, advanceLease(leases[name], leaseHappenings[each], now)]);
      assert.deepEqual(Object.fromEntries(found), expected);
      assert.equal(advanceLease(overdueLeases[name], { is: "overdue" }, now), overdue[name]);
    });
  }
});
