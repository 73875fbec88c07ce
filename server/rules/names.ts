// The distinct types of what the rules speak of: an id of one kind cannot be passed as another, and time is a number
// that somebody else read.

declare const kind: unique symbol;
type Named<Name extends string> = string & { readonly [kind]: Name };

export type TenantId = Named<"tenant">;
export type PoolId = Named<"pool">;
export type WorkflowVersionId = Named<"workflow version">;
export type ApplicationVersionId = Named<"application version">;
export type RunId = Named<"run">;
export type AttemptId = Named<"attempt">;
export type LeaseId = Named<"lease">;
export type MachineId = Named<"machine">;
export type ReplicaId = Named<"replica">;
export type KeyId = Named<"key">;
export type ArtifactId = Named<"artifact">;
export type ReleaseId = Named<"release">;
export type RolloutId = Named<"rollout">;
export type HaltId = Named<"halt">;
export type PauseId = Named<"pause">;
export type RouteId = Named<"route">;
export type OfferId = Named<"offer">;

/** Milliseconds since 1970 on Postgres's clock, read once per pass and passed in. Never `Date.now()`. */
export type Instant = number & { readonly [kind]?: "instant" };

/** What can be stored as JSON: inputs, outputs and what steps read. Sensitive unless said otherwise (G11). */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
