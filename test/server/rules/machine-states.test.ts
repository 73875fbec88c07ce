// Every status of a machine, with every kind of lease on it, times everything that can happen to it; and the cordon.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { advanceCordon, type Cordon, type CordonHappening, cordonStates } from "../../../server/rules/cordon.ts";
import { type MachineStatus, machineStatuses } from "../../../server/rules/machine.ts";
import { advanceMachine } from "../../../server/rules/machine-life.ts";
import { now } from "./fakes.ts";
import {
  cordonHappenings,
  cordons,
  type LeaseName,
  leases,
  type MachineName,
  machineHappenings,
  machines,
  overdueLeases,
} from "./machine-situations.ts";

/** The machine's status after it, the lease's fate, and what its attempt is told. */
function told(status: MachineStatus, lease: LeaseName, name: MachineName): string {
  try {
    const change = advanceMachine({ state: machines[status], lease: leases[lease] }, machineHappenings[name], now);
    if (change === undefined) return "nothing";
    const news = change.attempt === undefined ? "" : ` ${change.attempt.is}`;
    return `${change.state.is} ${change.lease}${news}`;
  } catch {
    return "a bug";
  }
}

type Rows = Record<LeaseName, Record<MachineName, string>>;

/** What becomes of an agent that is let in goes by the lease alone, but for one that was away. */
const admitted = {
  none: { attachedNone: "idle keep", attachedBack: "idle keep", attachedGone: "idle keep" },
  attempt: {
    // Nobody holds it, and there it is: a bug that nobody can make, and that keeps the lease.
    attachedNone: "busy renew",
    attachedBack: "busy renew",
    attachedGone: "idle end holder-gone",
  },
  service: { attachedNone: "busy renew", attachedBack: "busy renew", attachedGone: "idle end" },
  fencing: { attachedNone: "busy fence", attachedBack: "busy fence", attachedGone: "idle end" },
};

const quiet = { silent: "nothing", leaseOverdue: "nothing", takeoverEarly: "nothing", takeoverDue: "nothing" };
const silent = { ...quiet, silent: "reattaching keep" };
const leaseless = { granted: "a bug", leaseEnded: "nothing" };

const attachedRows = (leaseEnded: string, granted: string): Rows => ({
  none: { ...admitted.none, ...silent, granted, leaseEnded },
  attempt: { ...admitted.attempt, ...silent, silent: "reattaching keep machine-silent", granted, leaseEnded },
  service: { ...admitted.service, ...silent, granted, leaseEnded },
  fencing: { ...admitted.fencing, ...silent, granted, leaseEnded },
});

const away = { attachedNone: "busy renew machine-back", attachedBack: "busy renew machine-back" };

const rows: Record<MachineStatus, Rows> = {
  idle: attachedRows("nothing", "busy keep"),
  busy: attachedRows("idle keep", "a bug"),
  reattaching: {
    none: { ...admitted.none, ...quiet, takeoverDue: "offline keep", ...leaseless },
    attempt: { ...admitted.attempt, ...away, ...quiet, takeoverDue: "offline end holder-gone", ...leaseless },
    service: { ...admitted.service, ...quiet, takeoverDue: "offline end", ...leaseless },
    fencing: { ...admitted.fencing, ...quiet, takeoverDue: "offline end", ...leaseless },
  },
  offline: {
    none: { ...admitted.none, ...quiet, ...leaseless },
    attempt: { ...admitted.attempt, ...quiet, ...leaseless },
    service: { ...admitted.service, ...quiet, ...leaseless },
    fencing: { ...admitted.fencing, ...quiet, ...leaseless },
  },
};

describe("a machine", () => {
  for (const status of machineStatuses) {
    for (const lease of Object.keys(leases) as LeaseName[]) {
      test(`that is ${status} with ${lease} changes by what its row says, and by nothing else`, () => {
        const names = Object.keys(machineHappenings) as MachineName[];
        const found = Object.fromEntries(names.map((name) => [name, told(status, lease, name)]));
        assert.deepEqual(found, rows[status][lease]);
      });
    }
  }

  test("whose lease is overdue is heard no more if something may be injected under it, and is free if not (G6)", () => {
    const after = (status: MachineStatus, lease: Exclude<LeaseName, "none">) => {
      const change = advanceMachine(
        { state: machines[status], lease: overdueLeases[lease] },
        machineHappenings.leaseOverdue,
        now,
      );
      return change === undefined ? "nothing" : `${change.state.is} ${change.lease} ${change.attempt?.is ?? ""}`.trim();
    };
    for (const status of ["idle", "busy"] as const) {
      assert.equal(after(status, "attempt"), "reattaching keep machine-silent");
      assert.equal(after(status, "fencing"), "reattaching keep");
      assert.equal(after(status, "service"), "idle end");
    }
    for (const status of ["reattaching", "offline"] as const) assert.equal(after(status, "attempt"), "nothing");
  });

  test("is taken over at its own time and at the service's, whichever is later (G1)", () => {
    const due = (takeoverAt: number, notBefore: number) =>
      advanceMachine(
        { state: { is: "reattaching", takeoverAt }, lease: undefined },
        { is: "takeover-due", notBefore },
        now,
      ) !== undefined;
    assert.deepEqual([due(now, now), due(now + 1, now), due(now, now + 1)], [true, false, false]);
  });
});

const cordonRows: Record<Cordon["is"], Record<CordonHappening["is"], Cordon>> = {
  open: {
    cordon: { is: "cordoned", since: now },
    uncordon: cordons.open,
    drain: { is: "draining", since: now, by: 99 },
  },
  cordoned: { cordon: cordons.cordoned, uncordon: cordons.open, drain: { is: "draining", since: 1, by: 99 } },
  draining: { cordon: cordons.draining, uncordon: cordons.open, drain: { is: "draining", since: 1, by: 99 } },
};

for (const state of cordonStates) {
  test(`the cordon of a machine that is ${state} changes by what its row says`, () => {
    for (const wish of Object.values(cordonHappenings)) {
      assert.deepEqual(advanceCordon(cordons[state], wish, now), cordonRows[state][wish.is]);
    }
    const same = advanceCordon(cordons.draining, { is: "drain", by: 9 }, now);
    assert.equal(same, cordons.draining, "what is so already is the same value");
  });
}
