// Who looked at people's data (G11): one entry for each view, with ids and nothing of what was seen. It is written before
// the answer leaves.

import type { Principal } from "./keyring.ts";

export type View =
  | { readonly viewed: "artifact"; readonly artifactId: string; readonly runId: string }
  | { readonly viewed: "screenshot"; readonly machineId: string }
  /** Its inputs and outputs. */
  | { readonly viewed: "run"; readonly runId: string }
  /** Its outputs, in the last event of a watch. */
  | { readonly viewed: "outputs"; readonly runId: string };

export type AuditEntry = View & { readonly tenant: string; readonly keyId: string; readonly owner: string };

export type Audit = (entry: AuditEntry) => void;

export const viewedBy = ({ tenant, keyId, owner }: Principal, view: View): AuditEntry => ({
  ...view,
  tenant,
  keyId,
  owner,
});
