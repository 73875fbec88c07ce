// What the engine and the agents' port tell of themselves as it happens. Whoever counts it is elsewhere (`server/metrics`);
// nothing here knows how. Only names of definitions, closed words and durations: never a machine, a run, a caller or a value (G11).

import type { AttemptPurpose, Ending } from "../rules/attempt.ts";
import type { FailureCategory } from "../rules/failure.ts";
import type { TenantId } from "../rules/names.ts";
import type { Outcome } from "../rules/run.ts";

export interface EndedAttempt {
  readonly application: string;
  readonly purpose: AttemptPurpose;
  readonly outcome: Ending["is"];
  /** When it failed, and it is known by what. */
  readonly category?: FailureCategory;
}

/** Every call is about something that is true already, and is told once: by the replica that did it. It must not throw. */
export interface Meter {
  /** A caller's run was saved. */
  runStarted(tenant: TenantId, workflow: string): void;
  runEnded(tenant: TenantId, workflow: string, outcome: Outcome): void;
  attemptEnded(tenant: TenantId, attempt: EndedAttempt): void;
  /** A run has its first machine, so long after it was started, or after its time had come. */
  placed(tenant: TenantId, waitedMs: number): void;
  /** The first step of a run's first attempt was saved to be sent, so long after that. */
  firstStep(tenant: TenantId, tookMs: number): void;
  /** An agent was let in: a new incarnation, or the same one `again`. */
  attached(tenant: TenantId, how: "started" | "again"): void;
  /** Returns how to tell that the stream has ended. */
  streamOpened(tenant: TenantId): () => void;
  beat(tenant: TenantId): void;
  /** A loop has made a pass. */
  passed(loop: string, ms: number, how: "done" | "failed"): void;
}

export const silentMeter: Meter = {
  runStarted() {},
  runEnded() {},
  attemptEnded() {},
  placed() {},
  firstStep() {},
  attached() {},
  streamOpened: () => () => {},
  beat() {},
  passed() {},
};
