// How a version of the agent gets onto the machines: the canaries first; when all of them run it and have stayed attached
// for the soak time, the rest; stopped by failures. Pure.
//
// 1. Before the soak time is over nobody but a canary is told of the version.
// 2. Never more than `rolloutLimits.atOnce` machines are between the old and the new release, nor more than a quarter of
//    those that are there, but for one.
// 3. Once stopped, no machine is told to restart until somebody resumes.
// 4. A machine that is away holds up nothing, unless it went away while it was watched or after it was told to restart.
// 5. A rollout that nobody can ever be a canary of stops and says so, instead of waiting for ever.
// 6. Only a machine without a lease is told to restart; one that is always at work is kept free for it when its turn comes.

import type { Instant, MachineId } from "./names.ts";
import type { Executable, ReleaseReport, RolloutFault } from "./release.ts";

export const rolloutStates = ["running_canary", "running_rest", "done", "stopped"] as const;
export type RolloutState = (typeof rolloutStates)[number];
export type RunningState = Exclude<RolloutState, "stopped">;

export const stopReasons = ["FAILURES", "OPERATOR", "NO_CANDIDATES"] as const;
export type StopReason = (typeof stopReasons)[number];

export type RolloutStage =
  | { readonly is: RunningState }
  /** `from`: where it goes on when it is resumed. */
  | { readonly is: "stopped"; readonly from: RunningState; readonly reason: StopReason };

export interface Rollout {
  readonly version: string;
  readonly stage: RolloutStage;
  /** How many machines go first; undefined: `rolloutLimits.canaryShare` of the fleet. */
  readonly canaryCount: number | undefined;
  readonly soakMs: number;
  /** The executables that there is a release for. */
  readonly executables: readonly Executable[];
}

/** A machine as a rollout sees it. */
export interface FleetMachine {
  readonly id: MachineId;
  /** What its agent can be replaced by; empty: by nothing. */
  readonly executable: string;
  readonly agentVersion: string;
  readonly status: "idle" | "busy" | "reattaching" | "offline";
  readonly statusSince: Instant;
  /** Since when the agent that is or was attached has been the one. */
  readonly incarnationSince: Instant;
  /** What its agent last said of a release. */
  readonly report: ReleaseReport | undefined;
  readonly canary: boolean;
  /** Starts of the version one after the other while it was watched: each in the same boot, and within the soak time. */
  readonly starts: number;
  /** When it was told to restart, if it has not come back since. */
  readonly grantedAt: Instant | undefined;
  /** How often it was. */
  readonly grants: number;
  /** It had failed, and somebody resumed in spite of it. */
  readonly accepted: boolean;
}

export const rolloutLimits = {
  /** How many of the fleet go first when nobody says. */
  canaryShare: 0.05,
  soakMs: 10 * 60_000,
  /** Machines between the old and the new release at the same time: capacity that is missing meanwhile. */
  atOnce: 5,
  /** And at most this share of those that are attached or on their way; one in any case. */
  atOnceShare: 0.25,
  /** Failures among the rest that stop a rollout: more than this share of the fleet. Of the canaries, the first one does. */
  failureShare: 0.02,
  /** From "restart now" until somebody has to be back: a stop, a start, and the fall back to the older release. */
  returnMs: 2 * 60_000,
  /** How often a machine is told to restart before it counts as one that does not take the release. */
  grantsMax: 3,
  /** Starts of the version on a canary before it counts as one that crashes: the first, and one by chance. */
  startsMax: 2,
} as const;

export type Standing =
  | { readonly is: "left-out" | "away" | "waiting" | "prepared" | "restarting" | "updated" }
  | { readonly is: "failed"; readonly fault: RolloutFault };

/** Its last download of the version did not come through. It tries again, so that it has not failed. */
export const isRetrying = (rollout: Rollout, machine: FleetMachine, now: Instant): boolean =>
  standing(rollout, machine, now).is === "waiting" &&
  machine.report?.version === rollout.version &&
  machine.report.is === "failed";

const attached = (machine: FleetMachine) => machine.status === "idle" || machine.status === "busy";

/** Where a machine is on its way to the version. */
export function standing(rollout: Rollout, machine: FleetMachine, now: Instant): Standing {
  if (!rollout.executables.some((each) => each === machine.executable)) return { is: "left-out" };
  if (machine.agentVersion === rollout.version) {
    // Stopped for it, it still has to be told why.
    const stage = resumeRollout(rollout.stage).is;
    const watched = machine.canary && stage === "running_canary" && !machine.accepted;
    const lost = !attached(machine) && machine.statusSince + rolloutLimits.returnMs <= now;
    if (watched && machine.starts > rolloutLimits.startsMax) return { is: "failed", fault: "CRASHING" };
    return watched && lost ? { is: "failed", fault: "VANISHED" } : { is: "updated" };
  }
  const { report } = machine;
  if (report?.version === rollout.version && report.is === "failed" && report.fault !== "DOWNLOAD") {
    return { is: "failed", fault: report.fault };
  }
  if (machine.grantedAt !== undefined) {
    return machine.grantedAt + rolloutLimits.returnMs <= now
      ? { is: "failed", fault: "NOT_BACK" }
      : { is: "restarting" };
  }
  if (machine.grants >= rolloutLimits.grantsMax) return { is: "failed", fault: "NOT_TAKEN" };
  if (!attached(machine)) return { is: "away" };
  return { is: report?.version === rollout.version && report.is === "prepared" ? "prepared" : "waiting" };
}

/** How many machines of a ring are where. */
export type RingCount = Readonly<Record<Exclude<Standing["is"], "left-out">, number>>;

/** How many of these machines are where; those that are left out are not counted. */
export function countRing(rollout: Rollout, machines: readonly FleetMachine[], now: Instant): RingCount {
  const count = (is: Standing["is"]) => machines.filter((m) => standing(rollout, m, now).is === is).length;
  return {
    waiting: count("waiting"),
    prepared: count("prepared"),
    restarting: count("restarting"),
    updated: count("updated"),
    failed: count("failed"),
    away: count("away"),
  };
}

/** Whether the machine is to download the version, if its executable has a release. */
export function isWantedOn(
  { version, stage }: Pick<Rollout, "version" | "stage">,
  machine: Pick<FleetMachine, "agentVersion" | "canary" | "accepted">,
): boolean {
  if (stage.is === "stopped" || machine.agentVersion === version || machine.accepted) return false;
  return stage.is !== "running_canary" || machine.canary;
}

export interface RolloutStep {
  readonly stage: RolloutStage;
  /** The machines that go first, from now on. */
  readonly canaries: readonly MachineId[];
  /** To be told to restart now. */
  readonly grants: readonly MachineId[];
  /** Prepared and at work: to be given no further run, so that their turn comes. */
  readonly keepFree: readonly MachineId[];
}

/** One look at the whole fleet. Asked again and again, it comes to the same until something changes. */
export function advanceRollout(rollout: Rollout, fleet: readonly FleetMachine[], now: Instant): RolloutStep {
  const { stage } = rollout;
  const first = stage.is === "running_canary" ? chooseCanaries(rollout, fleet, now) : canariesOf(fleet);
  const still = (next: RolloutStage): RolloutStep => ({ stage: next, canaries: first, grants: [], keepFree: [] });
  if (stage.is === "stopped") return still(stage);
  const machines = fleet.map((m) => ({ ...m, canary: first.includes(m.id) }));
  if (tooManyFailures(rollout, machines, now)) return still({ is: "stopped", from: stage.is, reason: "FAILURES" });
  if (stage.is === "running_canary" && soaked(rollout, machines, now)) return still({ is: "running_rest" });
  if (stage.is === "running_canary" && !hasCandidates(rollout, machines, now)) {
    return still({ is: "stopped", from: stage.is, reason: "NO_CANDIDATES" });
  }
  const told = machines.filter((m) => !m.accepted && (stage.is !== "running_canary" || m.canary));
  const of = (is: Standing["is"]) => told.filter((m) => standing(rollout, m, now).is === is);
  const there = machines.filter((m) => attached(m) || standing(rollout, m, now).is === "restarting").length;
  const slots = Math.max(0, atOnce(there) - of("restarting").length);
  // Those that rest first: a slot that waits for a machine at work is a slot lost.
  const due = [...of("prepared")].sort(
    (a, b) => Number(b.status === "idle") - Number(a.status === "idle") || byLot(rollout, a, b),
  );
  const next = due.slice(0, slots);
  const unfinished = of("waiting").length + of("prepared").length + of("restarting").length;
  const going = told.some(attached) && unfinished === 0 && stage.is === "running_rest";
  return {
    stage: going ? { is: "done" } : stage,
    canaries: first,
    grants: next.filter((m) => m.status === "idle").map((m) => m.id),
    keepFree: next.filter((m) => m.status === "busy").map((m) => m.id),
  };
}

/** How many of so many machines may be between two releases: a small fleet is not to be gone all at once. */
export const atOnce = (machines: number): number =>
  Math.min(rolloutLimits.atOnce, Math.max(1, Math.floor(machines * rolloutLimits.atOnceShare)));

const canariesOf = (fleet: readonly FleetMachine[]) => fleet.filter((m) => m.canary).map((m) => m.id);

/**
 * The machines that go first: those that did so far, without those that are away for good and were never touched, and as
 * many more as are missing, by lot. At least one of each executable. One that is reattaching is most often back in a moment.
 */
function chooseCanaries(rollout: Rollout, fleet: readonly FleetMachine[], now: Instant): MachineId[] {
  const fit = fleet.filter((m) => !m.accepted && standing(rollout, m, now).is !== "left-out");
  const stays = (m: FleetMachine) =>
    standing(rollout, m, now).is !== "away" || m.status === "reattaching" || m.grants > 0;
  const kept = fit.filter((m) => m.canary && stays(m));
  const here = fit.filter(attached);
  const share = Math.max(1, Math.ceil(here.length * rolloutLimits.canaryShare));
  const candidates = here
    .filter((m) => !m.canary && ["waiting", "prepared"].includes(standing(rollout, m, now).is))
    .sort((a, b) => byLot(rollout, a, b));
  const chosen = [...kept];
  for (const executable of rollout.executables) {
    if (chosen.some((m) => m.executable === executable)) continue;
    const one = candidates.find((m) => m.executable === executable);
    if (one !== undefined) chosen.push(one);
  }
  for (const candidate of candidates) {
    if (chosen.length >= (rollout.canaryCount ?? share)) break;
    if (!chosen.includes(candidate)) chosen.push(candidate);
  }
  return chosen.map((m) => m.id);
}

/** All canaries run it and have stayed attached for the soak time; or there is nobody who could go first. */
function soaked(rollout: Rollout, fleet: readonly FleetMachine[], now: Instant): boolean {
  const fit = fleet.filter((m) => standing(rollout, m, now).is !== "left-out");
  const canaries = fit.filter((m) => m.canary);
  if (canaries.length === 0) {
    return fit.some((m) => attached(m) && m.agentVersion === rollout.version && !m.accepted);
  }
  return canaries.every(
    (m) => m.agentVersion === rollout.version && attached(m) && m.incarnationSince + rollout.soakMs <= now,
  );
}

/** Somebody could go first, now or when it is back: there is a release for it, and it has not failed. */
const hasCandidates = (rollout: Rollout, fleet: readonly FleetMachine[], now: Instant): boolean =>
  fleet.some((m) => !m.accepted && standing(rollout, m, now).is !== "left-out");

function tooManyFailures(rollout: Rollout, fleet: readonly FleetMachine[], now: Instant): boolean {
  const fit = fleet.filter((m) => standing(rollout, m, now).is !== "left-out");
  const failed = fit.filter((m) => !m.accepted && standing(rollout, m, now).is === "failed").length;
  const allowed = rollout.stage.is === "running_canary" ? 0 : Math.floor(fit.length * rolloutLimits.failureShare);
  return failed > allowed;
}

export const stopRollout = (stage: RolloutStage): RolloutStage =>
  stage.is === "stopped" ? stage : { is: "stopped", from: stage.is, reason: "OPERATOR" };

export const resumeRollout = (stage: RolloutStage): RolloutStage =>
  stage.is === "stopped" ? { is: stage.from } : stage;

const byLot = ({ version }: Rollout, a: FleetMachine, b: FleetMachine) =>
  lot(version + a.id) - lot(version + b.id) || (a.id < b.id ? -1 : 1);

/** A number that looks drawn and is the same each time (FNV-1a): each version has other machines go first. */
function lot(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
