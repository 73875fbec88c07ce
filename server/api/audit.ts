// Who looked at people's data (G11), and who decided what only a person can: one entry for each, with ids and nothing of what was
// seen or noted. It is written before the answer leaves.

import type { HaltKind } from "../rules/halt.ts";
import type { Retention } from "../rules/retention.ts";
import type { LimitKind, PauseKind } from "../rules/route.ts";
import type { ResolveAs } from "../rules/run.ts";
import type { Principal } from "./keyring.ts";

export type View =
  | { readonly viewed: "artifact"; readonly artifactId: string; readonly runId: string }
  | { readonly viewed: "screenshot"; readonly machineId: string }
  /** Its inputs and outputs. */
  | { readonly viewed: "run"; readonly runId: string }
  /** Its outputs, in the last event of a watch. */
  | { readonly viewed: "outputs"; readonly runId: string };

export type Decision =
  /** What became of a run that had ended UNKNOWN. */
  | { readonly decided: "run"; readonly runId: string; readonly as: ResolveAs }
  /** A waiting run goes before all others. */
  | { readonly decided: "run"; readonly runId: string; readonly as: "moved-to-front" }
  /** A run was deleted with all that belonged to it. */
  | { readonly decided: "run"; readonly runId: string; readonly as: "purged" }
  /** How long things are kept from then on. */
  | ({ readonly decided: "retention"; readonly as: "set" } & Retention)
  /** What an operator did to a machine. */
  | {
      readonly decided: "machine";
      readonly machineId: string;
      readonly as: "cordoned" | "uncordoned" | "drained" | "released";
    }
  /** What an operator stopped, or let go on. */
  | {
      readonly decided: HaltKind;
      /** As its operator names it; empty for the tenant. */
      readonly target: string;
      readonly as: "halted" | "resumed";
      /** The halt that began, or ended. */
      readonly haltId?: string;
    }
  /** What an operator keeps from beginning, or lets begin again. */
  | {
      readonly decided: PauseKind;
      readonly target: string;
      readonly as: "paused" | "unpaused";
      /** The pause that began, or ended. */
      readonly pauseId?: string;
    }
  /** How many runs of it may be under way at the same time. */
  | { readonly decided: LimitKind; readonly target: string; readonly as: "limited"; readonly max: number }
  | { readonly decided: LimitKind; readonly target: string; readonly as: "unlimited" };

export type AuditEntry = (View | Decision) & {
  readonly tenant: string;
  readonly keyId: string;
  readonly owner: string;
};

export type Audit = (entry: AuditEntry) => void;

export const viewedBy = ({ tenant, keyId, owner }: Principal, view: View): AuditEntry => ({
  ...view,
  tenant,
  keyId,
  owner,
});

export const decidedBy = ({ tenant, keyId, owner }: Principal, decision: Decision): AuditEntry => ({
  ...decision,
  tenant,
  keyId,
  owner,
});
