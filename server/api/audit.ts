// Who looked at people's data (G11), and who decided what only a person can: one entry for each, with ids and nothing of what was
// seen or noted. It is written before the answer leaves.

import type { ResolveAs } from "../rules/run.ts";
import type { Principal } from "./keyring.ts";

export type View =
  | { readonly viewed: "artifact"; readonly artifactId: string; readonly runId: string }
  | { readonly viewed: "screenshot"; readonly machineId: string }
  /** Its inputs and outputs. */
  | { readonly viewed: "run"; readonly runId: string }
  /** Its outputs, in the last event of a watch. */
  | { readonly viewed: "outputs"; readonly runId: string };

/** What became of a run that had ended UNKNOWN. */
export type Decision = { readonly decided: "run"; readonly runId: string; readonly as: ResolveAs };

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
