// How far callers have used their shares of a pool. Read and saved by its one placer, under the pool's lock.

import type { Shares } from "../rules/fair-share.ts";
import type { PoolId } from "../rules/names.ts";
import { json, type Tx } from "./database.ts";
import type { LockedPool } from "./queue.ts";

/** Of all callers who wait. One who has no tag yet has begun to wait, and has the virtual time. */
export async function readShares(
  tx: Tx,
  poolId: PoolId,
  { virtualTime }: LockedPool,
  waiting: readonly string[],
): Promise<Shares> {
  const rows = await tx<{ caller: string; finish: number }[]>`
    select w.caller, coalesce(s.finish, ${virtualTime}) as finish
    from unnest(${[...waiting]}::text[]) as w(caller)
    left join shares s on s.pool_id = ${poolId} and s.caller = w.caller`;
  return { virtualTime, finish: Object.fromEntries(rows.map(({ caller, finish }) => [caller, finish])) };
}

/** A tag that the pool's virtual time has passed is kept only for who waits: of others it says nothing any more. */
export async function saveShares(tx: Tx, poolId: PoolId, { virtualTime, finish }: Shares): Promise<void> {
  await Promise.all([
    tx`update pools set virtual_time = ${virtualTime} where id = ${poolId}`,
    tx`
      insert into shares (pool_id, caller, finish)
      select ${poolId}, key, value::text::double precision from jsonb_each(${json(finish)}::jsonb)
      where not exists (
        select 1 from shares s where s.pool_id = ${poolId} and s.caller = key and s.finish = value::text::double precision)
      on conflict (pool_id, caller) do update set finish = excluded.finish`,
    tx`
      delete from shares
      where pool_id = ${poolId} and finish <= ${virtualTime} and caller <> all(${Object.keys(finish)}::text[])`,
  ]);
}
