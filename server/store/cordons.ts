// Which machines operators have taken out of service, and until when what they do may go on.

import type { Cordon } from "../rules/cordon.ts";
import type { Instant, MachineId, TenantId } from "../rules/names.ts";
import type { Tx } from "./database.ts";

interface CordonRow {
  readonly cordonedAt: Instant | null;
  readonly drainBy: Instant | null;
}

const cordonOf = ({ cordonedAt: since, drainBy: by }: CordonRow): Cordon =>
  since === null ? { is: "open" } : by === null ? { is: "cordoned", since } : { is: "draining", since, by };

/** The cordon of the tenant's machine, which is locked; undefined when there is no such machine. */
export async function lockCordon(tx: Tx, tenantId: TenantId, id: MachineId): Promise<Cordon | undefined> {
  const [row] = await tx<CordonRow[]>`
    select cordoned_at, drain_by from machines where tenant_id = ${tenantId} and id = ${id} for no key update`;
  return row === undefined ? undefined : cordonOf(row);
}

export async function saveCordon(tx: Tx, id: MachineId, cordon: Cordon): Promise<void> {
  const since = cordon.is === "open" ? null : cordon.since;
  const by = cordon.is === "draining" ? cordon.by : null;
  await tx`
    update machines set cordoned_at = ${since}::timestamptz, drain_by = ${by}::timestamptz, generation = generation + 1
    where id = ${id}`;
}
