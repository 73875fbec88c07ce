// What every part of the engine is given.

import type { BlobStore } from "../blobs/blob-store.ts";
import type { LeaseClocks } from "../rules/limits.ts";
import type { ReplicaId } from "../rules/names.ts";
import type { Placement, PlacingFacts } from "../rules/placement.ts";
import type { Database } from "../store/database.ts";
import type { Wakeup } from "../store/wakeup.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Interpreters } from "./interpreters.ts";
import type { Meter } from "./meter.ts";

/** Structured logging; never inputs, outputs, read text, titles, frames or secrets (G10, G11). */
export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface EngineContext {
  readonly database: Database;
  readonly wakeup: Wakeup;
  readonly blobs: BlobStore;
  readonly interpreters: Interpreters;
  readonly catalogue: Catalogue;
  readonly clocks: LeaseClocks;
  readonly replicaId: ReplicaId;
  readonly log: Log;
  readonly meter: Meter;
  /** Is told what each pass of placing looked at and what it decided. */
  readonly onPlacing?: (facts: PlacingFacts, placements: readonly Placement[]) => void;
}
