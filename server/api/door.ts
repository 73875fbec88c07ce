// What the API asks of the rooms behind it: reads of the store, and the engine for every change. Tenants go first: no read
// and no change is without one (G12).

import type { CordonWanted } from "../engine/cordoning.ts";
import type { HaltTarget } from "../engine/halting.ts";
import type { ResolveWanted } from "../engine/resolving.ts";
import type { RolloutView, RolloutWanted } from "../engine/rolling-out.ts";
import type { Target } from "../engine/targets.ts";
import type { Explanation } from "../rules/explanation.ts";
import type { ArtifactId, Instant, Json, KeyId, MachineId, ReleaseId, RunId, TenantId } from "../rules/names.ts";
import type { Answer } from "../rules/refusal.ts";
import type { Retention } from "../rules/retention.ts";
import type { LimitKind, PauseKind } from "../rules/route.ts";
import type { ArtifactView } from "../store/artifact-reads.ts";
import type { LimitView } from "../store/concurrency.ts";
import type { DefinitionSource, DefinitionView } from "../store/definition-reads.ts";
import type { EventFilter, EventPosition, EventsRead, NewestEvent } from "../store/event-stream.ts";
import type { RunEvent } from "../store/events.ts";
import type { FailureContextView } from "../store/failure-context.ts";
import type { HaltView } from "../store/halts.ts";
import type { EnrolmentTokenView, KeyView } from "../store/key-reads.ts";
import type { MachineFilter, MachineView } from "../store/machine-reads.ts";
import type { PauseView } from "../store/pauses.ts";
import type { NewRelease, ReleaseRow } from "../store/releases.ts";
import type { AttemptView, RunDetail, RunFilter, RunView } from "../store/run-reads.ts";
import type { Scope } from "../store/schema/tenancy.ts";

export interface RunWanted {
  readonly workflow: string;
  /** 0: the latest. */
  readonly workflowVersion: number;
  readonly inputs: Json;
  readonly idempotencyKey?: string;
  readonly priority: number;
  readonly queueTimeoutMs?: number;
  readonly timeoutMs?: number;
  readonly notBefore?: Instant;
  /** The owner of the key. */
  readonly caller: string;
}

export interface RunStarted {
  readonly run: RunView;
  readonly existed: boolean;
  /** What it requires and no machine in the fleet offers, for people; empty when one does. */
  readonly unmet: string;
}

export interface DefinitionWanted {
  readonly source: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly checkOnly: boolean;
}

/** With `checkOnly`, what would be stored, without a time. */
export type DefinitionPut = Omit<DefinitionView, "createdAt"> & { readonly createdAt: Instant | null };

export interface Screenshot {
  readonly png: Uint8Array;
  readonly takenAt: Instant;
}

export interface RunDoor {
  startRun(tenant: TenantId, wanted: RunWanted): Promise<Answer<RunStarted>>;
  /** One answer for each, in order. */
  startRuns(tenant: TenantId, wanted: readonly RunWanted[]): Promise<readonly Answer<RunStarted>[]>;
  cancelRun(tenant: TenantId, id: RunId): Promise<Answer<RunView>>;
  moveRunToFront(tenant: TenantId, id: RunId): Promise<Answer<RunView>>;
  resolveRun(tenant: TenantId, id: RunId, wanted: ResolveWanted): Promise<Answer<RunDetail>>;
  purgeRun(tenant: TenantId, id: RunId): Promise<Answer<RunId>>;
  /** From the present, each time; `not-waiting`: it runs, or has ended. */
  explainRun(tenant: TenantId, id: RunId): Promise<Explanation | "not-waiting" | undefined>;
  readRun(tenant: TenantId, id: RunId): Promise<RunDetail | undefined>;
  readRunView(tenant: TenantId, id: RunId): Promise<RunView | undefined>;
  readOutputs(tenant: TenantId, id: RunId): Promise<Json | null>;
  readAttempts(tenant: TenantId, id: RunId): Promise<readonly AttemptView[]>;
  /** Undefined when it had no attempt. */
  readFailureContext(tenant: TenantId, id: RunId): Promise<FailureContextView | undefined>;
  listRuns(tenant: TenantId, filter: RunFilter, before: string | undefined, limit: number): Promise<readonly RunView[]>;
  eventsAfter(tenant: TenantId, id: RunId, after: number, limit: number): Promise<readonly RunEvent[]>;
  newestEvent(tenant: TenantId): Promise<NewestEvent>;
  eventsBehind(tenant: TenantId, filter: EventFilter, after: EventPosition, limit: number): Promise<EventsRead>;
}

export interface DefinitionDoor {
  put(tenant: TenantId, wanted: DefinitionWanted): Promise<Answer<DefinitionPut>>;
  read(tenant: TenantId, name: string, version: number): Promise<DefinitionSource | undefined>;
  list(tenant: TenantId, after: string | undefined, limit: number): Promise<readonly DefinitionView[]>;
}

export interface ArtifactDoor {
  list(tenant: TenantId, run: RunId): Promise<readonly ArtifactView[]>;
  read(tenant: TenantId, id: ArtifactId): Promise<ArtifactView | undefined>;
  /** Undefined when its retention has ended. */
  content(artifact: ArtifactView): Promise<Uint8Array | undefined>;
}

export interface MachineDoor {
  list(
    tenant: TenantId,
    filter: MachineFilter,
    after: string | undefined,
    limit: number,
  ): Promise<readonly MachineView[]>;
  /** By id or by name. */
  read(tenant: TenantId, machine: string): Promise<MachineView | undefined>;
  screenshot(tenant: TenantId, id: MachineId): Promise<Screenshot | undefined>;
  revoke(tenant: TenantId, id: MachineId): Promise<Answer<MachineView>>;
  cordon(tenant: TenantId, id: MachineId, wanted: CordonWanted): Promise<Answer<MachineView>>;
  release(tenant: TenantId, id: MachineId): Promise<Answer<MachineView>>;
  createToken(
    tenant: TenantId,
    wanted: { readonly pool: string; readonly uses: number; readonly lifetimeMs: number },
  ): Promise<Answer<{ readonly token: EnrolmentTokenView; readonly secret: string }>>;
  listTokens(tenant: TenantId, before: string | undefined, limit: number): Promise<readonly EnrolmentTokenView[]>;
  revokeToken(tenant: TenantId, id: string): Promise<Answer<EnrolmentTokenView>>;
}

export interface HaltDoor {
  halt(
    tenant: TenantId,
    wanted: HaltTarget & { readonly reason: string; readonly by: string },
  ): Promise<Answer<HaltView>>;
  /** Undefined when there was none. */
  resume(tenant: TenantId, wanted: HaltTarget & { readonly by: string }): Promise<Answer<HaltView | undefined>>;
  /** In force, newest first. */
  list(tenant: TenantId, limit: number): Promise<readonly HaltView[]>;
}

export interface QueueDoor {
  pause(
    tenant: TenantId,
    wanted: Target<PauseKind> & { readonly reason: string; readonly by: string },
  ): Promise<Answer<PauseView>>;
  /** Undefined when there was none. */
  unpause(
    tenant: TenantId,
    wanted: Target<PauseKind> & { readonly by: string },
  ): Promise<Answer<PauseView | undefined>>;
  /** In force, newest first. */
  listPauses(tenant: TenantId, limit: number): Promise<readonly PauseView[]>;
  setLimit(
    tenant: TenantId,
    wanted: Target<LimitKind> & { readonly max: number; readonly by: string },
  ): Promise<Answer<LimitView>>;
  /** False when there was none. */
  removeLimit(tenant: TenantId, target: Target<LimitKind>): Promise<boolean>;
  listLimits(tenant: TenantId, limit: number): Promise<readonly LimitView[]>;
}

export interface KeyDoor {
  create(
    tenant: TenantId,
    wanted: { readonly owner: string; readonly scope: Scope; readonly lifetimeMs?: number },
  ): Promise<Answer<{ readonly key: KeyView; readonly secret: string }>>;
  list(tenant: TenantId, before: string | undefined, limit: number): Promise<readonly KeyView[]>;
  revoke(tenant: TenantId, id: KeyId): Promise<Answer<KeyView>>;
}

export interface ReleaseDoor {
  add(tenant: TenantId, release: NewRelease): Promise<Answer<ReleaseRow>>;
  upload(tenant: TenantId, id: ReleaseId, offset: number, data: Uint8Array): Promise<Answer<ReleaseRow>>;
  list(tenant: TenantId, before: string | undefined, limit: number): Promise<readonly ReleaseRow[]>;
  startRollout(tenant: TenantId, wanted: RolloutWanted): Promise<Answer<RolloutView>>;
  /** Undefined when there is none. */
  readRollout(tenant: TenantId): Promise<RolloutView | undefined>;
  stopRollout(tenant: TenantId): Promise<Answer<RolloutView>>;
  resumeRollout(tenant: TenantId): Promise<Answer<RolloutView>>;
}

export interface RetentionDoor {
  read(tenant: TenantId): Promise<Retention>;
  /** What is absent stays as it is; returns what holds. */
  set(tenant: TenantId, wanted: Partial<Retention>): Promise<Retention>;
}

export interface Door {
  readonly runs: RunDoor;
  readonly workflows: DefinitionDoor;
  readonly applications: DefinitionDoor;
  readonly artifacts: ArtifactDoor;
  readonly machines: MachineDoor;
  readonly halts: HaltDoor;
  readonly queue: QueueDoor;
  readonly retention: RetentionDoor;
  readonly keys: KeyDoor;
  readonly releases: ReleaseDoor;
}
