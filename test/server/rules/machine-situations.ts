// Every status of a machine, every kind of lease and cordon, and everything that can happen to them: the rows and columns of their tables,
// and what docs/states.md is compared with. What is missing here does not compile.

import type { Cordon, CordonHappening } from "../../../server/rules/cordon.ts";
import type { Lease, LeaseHappening } from "../../../server/rules/lease.ts";
import type { MachineStatus } from "../../../server/rules/machine.ts";
import type { MachineHappening, MachineState } from "../../../server/rules/machine-life.ts";
import { now } from "./fakes.ts";

export const machines: Record<MachineStatus, MachineState> = {
  idle: { is: "idle" },
  busy: { is: "busy" },
  reattaching: { is: "reattaching", takeoverAt: now },
  offline: { is: "offline" },
};

const later = now + 60_000;

/** Under an attempt's lease something may be injected, under a service's nothing is; one that is fenced has no attempt left. */
export const leases = {
  none: undefined,
  attempt: { state: "live", injects: true, epoch: 3, deadlineAt: later },
  service: { state: "live", injects: false, epoch: 3, deadlineAt: later },
  fencing: { state: "fencing", injects: true, epoch: 3, deadlineAt: later },
} as const satisfies Record<string, Lease | undefined>;
export type LeaseName = keyof typeof leases;

export const overdueLeases: Record<Exclude<LeaseName, "none">, Lease> = {
  attempt: { ...leases.attempt, deadlineAt: now },
  service: { ...leases.service, deadlineAt: now },
  fencing: { ...leases.fencing, deadlineAt: now },
};

export const machineHappenings = {
  attachedNone: { is: "attached", holder: "none" },
  attachedBack: { is: "attached", holder: "back" },
  attachedGone: { is: "attached", holder: "gone" },
  silent: { is: "silent", takeoverAt: later },
  leaseOverdue: { is: "lease-overdue", takeoverAt: later },
  takeoverEarly: { is: "takeover-due", notBefore: now + 1 },
  takeoverDue: { is: "takeover-due", notBefore: now },
  granted: { is: "lease-granted" },
  leaseEnded: { is: "lease-ended" },
} as const satisfies Record<string, MachineHappening>;
export type MachineName = keyof typeof machineHappenings;

export const leaseHappenings = {
  kept: { is: "attempt-changed", fate: "keep" },
  ended: { is: "attempt-changed", fate: "end" },
  fenced: { is: "attempt-changed", fate: "fence" },
  acknowledged: { is: "acknowledged", epoch: 4 },
  acknowledgedLate: { is: "acknowledged", epoch: 3 },
  declined: { is: "declined" },
  overdue: { is: "overdue" },
  holderGone: { is: "holder-gone" },
} as const satisfies Record<string, LeaseHappening>;
export type LeaseHappeningName = keyof typeof leaseHappenings;

export const cordons: { [K in Cordon["is"]]: Extract<Cordon, { readonly is: K }> } = {
  open: { is: "open" },
  cordoned: { is: "cordoned", since: 1 },
  draining: { is: "draining", since: 1, by: 9 },
};
export const cordonHappenings: { [K in CordonHappening["is"]]: Extract<CordonHappening, { readonly is: K }> } = {
  cordon: { is: "cordon" },
  uncordon: { is: "uncordon" },
  drain: { is: "drain", by: 99 },
};
type Untold<All, Told> = Exclude<All, Told> extends never ? "none" : never;
export const untoldOfMachines: Untold<MachineHappening["is"], (typeof machineHappenings)[MachineName]["is"]> = "none";
export const untoldOfLeases: Untold<LeaseHappening["is"], (typeof leaseHappenings)[LeaseHappeningName]["is"]> = "none";
