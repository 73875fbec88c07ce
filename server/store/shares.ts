// How far callers have used their shares of a pool. Read and saved by its one placer, under the pool's lock.

import type { Shares } from "../rules/fair-share.ts";
import type { PoolId } from "../rules/names.ts";
import { json, type Tx } from "./database.ts";
import type { LockedPool } from "./queue.ts";

export async function readShares(
  tx: Tx,
  poolId: PoolId,
  { virtualTime }: LockedPool,
  callers: readonly string[],
): Promise<Shares> {
  const rows = await tx<{ caller: string; finish: number }[]>`
    select caller, finish from shares where pool_id = ${poolId} and caller = any(${[...callers]}::text[])`;
  return { virtualTime, finish: Object.fromEntries(rows.map(({ caller, finish }) => [caller, finish])) };
}

/** A finish tag that the pool's virtual time has passed says nothing any more, and is not kept. */
export async function saveShares(tx: Tx, poolId: PoolId, { virtualTime, finish }: Shares): Promise<void> {
  await Promise.all([
    tx`update pools set virtual_time = ${virtualTime} where id = ${poolId}`,
    tx`delete from shares where pool_id = ${poolId} and finish <= ${virtualTime}`,
    tx`
      insert into shares (pool_id, caller, finish)
      select ${poolId}, key, value::text::double precision from jsonb_each(${json(finish)}::jsonb)
      where value::text::double precision > ${virtualTime}
      on conflict (pool_id, caller) do update set finish = excluded.finish`,
  ]);
}
