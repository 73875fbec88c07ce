// What an agent should be doing now: one value, re-read whenever anything may have changed. Sending it twice is harmless.

import type { CommandSpec } from "./command.ts";
import type { LeasePurpose } from "./lease.ts";
import type { AttemptId, LeaseId } from "./names.ts";

export interface WantedCommand {
  readonly number: number;
  readonly spec: CommandSpec;
}

export interface Wanted {
  readonly epoch: number;
  /** A halt covers the machine or what it is leased for: nothing is injected (G14). */
  readonly halted: boolean;
  /** How often an operator has said that it shall go on although a person was at the mouse. */
  readonly resumeNumber: number;
  readonly lease?: {
    readonly id: LeaseId;
    readonly purpose: LeasePurpose;
    readonly attemptId: AttemptId;
    readonly application: { readonly name: string; readonly processes: readonly string[] };
  };
  readonly abandon: boolean;
  readonly command?: WantedCommand;
}

/** A machine's live lease with the attempt it is for. */
export interface LeasedWork {
  readonly leaseId: LeaseId;
  readonly purpose: LeasePurpose;
  readonly attemptId: AttemptId;
  readonly attemptEnded: boolean;
  /** The attempt is being stopped, and what is outstanding is to be abandoned. */
  readonly stopping: boolean;
  readonly application: { readonly name: string; readonly processes: readonly string[] };
  /** The outstanding command. */
  readonly command?: WantedCommand;
}

/** What is so of the machine, whatever it is leased for. */
export type WantedOfMachine = Pick<Wanted, "epoch" | "halted" | "resumeNumber">;

/** An ended attempt whose lease is still there is being fenced: nothing, under the machine's higher epoch. */
export function wanted(machine: WantedOfMachine, work: LeasedWork | undefined): Wanted {
  if (work === undefined || work.attemptEnded) return { ...machine, abandon: false };
  const { command } = work;
  return {
    ...machine,
    lease: { id: work.leaseId, purpose: work.purpose, attemptId: work.attemptId, application: work.application },
    abandon: work.stopping,
    ...(command === undefined ? {} : { command }),
  };
}
