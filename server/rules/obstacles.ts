// What keeps one machine from one waiting run. Pure.
//
// A machine without an obstacle is one that placing reads as free and fitting (`machineFree` in server/store/queue.ts); a test
// with machines in random states holds the two together.

import { type Holds, haltOf } from "./holds.ts";
import type { DesktopState, HoldReason, MachineStatus } from "./machine.ts";
import { type Misfit, misfit, type Offer, type Requirement } from "./matching.ts";
import type { Instant, MachineId, PoolId } from "./names.ts";
import type { Verdict } from "./verdict.ts";
import type { WaitReason, Why } from "./wait-reason.ts";

/** A machine of the fleet: not one that was revoked. */
export interface FleetMachine {
  readonly id: MachineId;
  readonly name: string;
  readonly poolId: PoolId;
  /** Undefined: it has never been attached, or not since offers are kept. */
  readonly offer: Offer | undefined;
  /** Names of those that it had when it was last attached: all that is known of it without an offer. */
  readonly applications: readonly string[];
  readonly status: MachineStatus;
  readonly attachedAt: Instant | null;
  readonly takeoverAt: Instant | null;
  readonly cordonedAt: Instant | null;
  readonly drainBy: Instant | null;
  readonly quarantinedUntil: Instant | null;
  readonly hold: HoldReason | null;
  readonly desktop: DesktopState | null;
  readonly keptFree: boolean;
  readonly unclean: boolean;
  readonly unreadyUntil: Instant | null;
  readonly unreadyVerdict: Verdict | null;
  /** The attempt that it is at, if it is one of a run. */
  readonly work: { readonly workflow: string; readonly startedAt: Instant; readonly deadlineAt: Instant | null } | null;
}

/** What a waiting run asks of a machine. */
export interface Seeker {
  readonly poolId: PoolId;
  readonly requirement: Requirement;
  readonly avoid: readonly MachineId[];
  /** The one machine that it can be on. */
  readonly only?: MachineId;
}

/** How long runs take of late, by workflow, in milliseconds. */
export type Usual = { readonly [workflow: string]: number };

/** All that keeps the machine from the run: what would last longest first. None: it can go there. */
export function obstaclesOf(seeker: Seeker, machine: FleetMachine, holds: Holds, usual: Usual, now: Instant): Why[] {
  const { status, hold, takeoverAt, drainBy, quarantinedUntil, unreadyUntil } = machine;
  const found: (Why | undefined | false)[] = [
    machine.poolId !== seeker.poolId && why("OTHER_POOL"),
    why(misfitOf(seeker.requirement, machine)),
    (seeker.avoid.includes(machine.id) || (seeker.only !== undefined && seeker.only !== machine.id)) && why("AVOIDED"),
    status === "offline" && why("OFFLINE"),
    status === "reattaching" && why("REATTACHING", takeoverAt),
    haltOf(machine, holds) ?? (hold === "HALTED" && why("HALTED")),
    machine.cordonedAt !== null && (drainBy === null ? why("CORDONED") : why("DRAINING", drainBy)),
    quarantinedUntil !== null && quarantinedUntil > now && why("QUARANTINED", quarantinedUntil),
    hold === "HUMAN_PRESENT" && why("HUMAN_PRESENT"),
    (machine.desktop ?? "PRESENT") !== "PRESENT" && why("NO_DESKTOP"),
    machine.keptFree && why("UPDATING"),
    machine.unclean && why("UNCLEAN"),
    unreadyUntil !== null &&
      unreadyUntil > now && { ...why("NOT_READY", unreadyUntil), detail: machine.unreadyVerdict ?? "" },
    status === "busy" && why("BUSY", freeAt(machine, usual, now)),
  ];
  return found.filter((each) => each !== undefined && each !== false);
}

/** What is away and has no known offer may fit once it is back, if it had the application; what is there is given nothing. */
function misfitOf(requirement: Requirement, { offer, applications, status }: FleetMachine): Misfit | undefined {
  if (offer !== undefined) return misfit(requirement, offer);
  const away = status === "offline" || status === "reattaching";
  return away && applications.includes(requirement.application) ? undefined : "APPLICATION_MISSING";
}

function why(reason: WaitReason, until?: Instant | null): Why;
function why(reason: WaitReason | undefined): Why | undefined;
function why(reason: WaitReason | undefined, until?: Instant | null): Why | undefined {
  if (reason === undefined) return undefined;
  return { reason, detail: "", ...(until === null || until === undefined ? {} : { until }) };
}

/** When its work is expected to be done: as such work was of late, and by its deadline; what is late is expected now. */
function freeAt({ work }: FleetMachine, usual: Usual, now: Instant): Instant | undefined {
  const usualMs = work !== null && Object.hasOwn(usual, work.workflow) ? usual[work.workflow] : undefined;
  if (work === null || usualMs === undefined) return undefined;
  return Math.max(now, Math.min(work.startedAt + usualMs, work.deadlineAt ?? Number.POSITIVE_INFINITY));
}
