// The rows of running control-plane processes (G1), and since when there has been one without a break.

import type { Instant, ReplicaId } from "../rules/names.ts";
import type { Query, Sql } from "./database.ts";
import { settleRestored } from "./event-stream.ts";

/**
 * Writes or renews the replica's row: it ends `endMs` from now, on Postgres's clock. When no other row is live, the
 * service was down, and is up again since now.
 */
export async function renewReplica(
  sql: Sql,
  replica: { readonly id: ReplicaId; readonly agentAddress: string; readonly endMs: number },
): Promise<void> {
  await sql.begin(async (tx) => {
    // One at a time: two replicas that come up together must not both see the other's row as the first.
    await tx`select pg_advisory_xact_lock(7243190118)`;
    const resumed = await tx`
      insert into service (id, resumed_at)
      select 1, clock_timestamp() where not exists (select 1 from replicas where ends_at > clock_timestamp())
      on conflict (id) do update set resumed_at = excluded.resumed_at
      returning 1`;
    if (resumed.length > 0) await settleRestored(tx);
    await tx`
      insert into replicas (id, started_at, ends_at, agent_address)
      values (${replica.id}, clock_timestamp(), clock_timestamp() + ${`${replica.endMs} milliseconds`}::interval, ${replica.agentAddress})
      on conflict (id) do update set ends_at = excluded.ends_at`;
  });
}

/** Ends the row at once: a graceful stop. Its machines have a takeover's time from now to attach elsewhere. */
export async function endReplica(sql: Sql, id: ReplicaId): Promise<void> {
  await sql`update replicas set ends_at = least(ends_at, clock_timestamp()) where id = ${id}`;
}

export async function readResumedAt(query: Query): Promise<Instant> {
  const [row] = await query<{ resumedAt: Instant }[]>`select resumed_at from service where id = 1`;
  return row?.resumedAt ?? 0;
}

/** Whether a replica's row is live. */
export async function isLive(query: Query, id: ReplicaId, now: Instant): Promise<boolean> {
  return (await query`select 1 from replicas where id = ${id} and ends_at > ${now}::timestamptz`).length === 1;
}

/** Where agents can dial the other live replicas. */
export async function otherAddresses(query: Query, id: ReplicaId): Promise<string[]> {
  const rows = await query<{ agentAddress: string }[]>`
    select agent_address from replicas where id <> ${id} and ends_at > clock_timestamp() order by started_at`;
  return rows.map((row) => row.agentAddress);
}
