// Machines as operators see them.

import type { DesktopState, HoldReason, Inventory, MachineStatus } from "../rules/machine.ts";
import type { Instant, MachineId, RunId, TenantId } from "../rules/names.ts";
import type { Verdict } from "../rules/verdict.ts";
import type { Query } from "./database.ts";
import { machineHalted } from "./halts.ts";

export interface MachineView {
  readonly id: MachineId;
  readonly name: string;
  readonly pool: string;
  readonly status: MachineStatus;
  readonly statusSince: Instant;
  readonly enrolledAt: Instant;
  readonly revokedAt: Instant | null;
  readonly inventory: Inventory | null;
  /** The run that it works on: not one that it cleans up after, nor one that it was taken away from. */
  readonly runId: RunId | null;
  readonly cordonedAt: Instant | null;
  readonly drainBy: Instant | null;
  /** What its agent says, or what its attempt is held for. */
  readonly hold: HoldReason | null;
  readonly desktop: DesktopState | null;
  readonly unreadyVerdict: Verdict | null;
  readonly unreadyUntil: Instant | null;
  readonly unclean: boolean;
  readonly halted: boolean;
  /** While it is quarantined. */
  readonly quarantinedUntil: Instant | null;
  readonly failuresInARow: number;
  /** Applications that its incarnation was proven ready for, by name. */
  readonly warmApplications: readonly string[];
}

const view = (query: Query) => query`
  select m.id, m.name, p.name as pool, m.status, m.status_since, m.enrolled_at, m.revoked_at, m.inventory,
    case when a.purpose <> 'upkeep' and a.ended_at is null then a.run_id end as run_id,
    m.cordoned_at, m.drain_by, coalesce(m.hold, a.held ->> 'why') as hold, m.desktop, m.unready_verdict, m.unready_until,
    m.unclean_attempt_id is not null as unclean, ${machineHalted(query)} as halted,
    case when m.quarantined_until > now() then m.quarantined_until end as quarantined_until, m.failures_in_a_row,
    array(select jsonb_object_keys(m.warm) order by 1) as warm_applications
  from machines m
  join pools p on p.id = m.pool_id
  left join leases l on l.machine_id = m.id and l.ended_at is null
  left join attempts a on a.id = l.attempt_id`;

export interface MachineFilter {
  readonly pool?: string;
  readonly status?: MachineStatus;
}

/** By name, byte by byte. */
export async function listMachines(
  query: Query,
  tenantId: TenantId,
  { pool, status }: MachineFilter,
  after: string | undefined,
  limit: number,
): Promise<MachineView[]> {
  return await query<MachineView[]>`
    ${view(query)}
    where m.tenant_id = ${tenantId}
      ${after === undefined ? query`` : query`and m.name collate "C" > ${after}`}
      ${pool === undefined ? query`` : query`and p.name = ${pool}`}
      ${status === undefined ? query`` : query`and m.status = ${status}`}
    order by m.name collate "C" limit ${limit}`;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** By id or by name. What looks like an id is one. */
export async function readMachineView(
  query: Query,
  tenantId: TenantId,
  machine: string,
): Promise<MachineView | undefined> {
  const [row] = await query<MachineView[]>`
    ${view(query)}
    where m.tenant_id = ${tenantId} and ${uuid.test(machine) ? query`m.id = ${machine}` : query`m.name = ${machine}`}`;
  return row;
}

/** When its latest health screenshot came. */
export async function readHealthAt(query: Query, tenantId: TenantId, id: MachineId): Promise<Instant | null> {
  const [row] = await query<{ healthAt: Instant | null }[]>`
    select health_at from machines where tenant_id = ${tenantId} and id = ${id}`;
  return row?.healthAt ?? null;
}
