// What attempts have found out about their machines.

import { limits } from "../rules/limits.ts";
import type { MachineMark } from "../rules/machine.ts";
import type { AttemptId, Instant, MachineId } from "../rules/names.ts";
import { afterFailure, afterSuccess, quarantinesMax, type Reliability } from "../rules/quarantine.ts";
import { unreadyUntil } from "../rules/readiness-backoff.ts";
import type { Query, Tx } from "./database.ts";
import { lockMachine } from "./machines.ts";

/** The application of an attempt. */
const applicationOf = (query: Query, id: AttemptId) => query`(
  select v.name from attempts a join application_versions v on v.id = a.application_version_id where a.id = ${id})`;

export async function markMachine(
  tx: Tx,
  id: MachineId,
  mark: MachineMark,
  attemptId: AttemptId,
  now: Instant,
): Promise<void> {
  switch (mark.is) {
    case "ready":
      await tx`
        update machines set unready_count = 0, unready_verdict = null, unready_until = null,
          warm = warm || jsonb_build_object(${applicationOf(tx, attemptId)}, ${now}::bigint)
        where id = ${id}`;
      return;
    case "not-ready": {
      await lockMachine(tx, id);
      const [row] = await tx<{ unreadyCount: number }[]>`select unready_count from machines where id = ${id}`;
      const count = (row?.unreadyCount ?? 0) + 1;
      await tx`
        update machines set unready_count = ${count}, unready_verdict = ${mark.verdict},
          unready_until = ${unreadyUntil(count, now)}::timestamptz, warm = warm - ${applicationOf(tx, attemptId)}
        where id = ${id}`;
      return;
    }
    case "unclean":
      await tx`update machines set unclean_attempt_id = ${attemptId} where id = ${id}`;
      return;
    case "clean":
      await tx`update machines set unclean_attempt_id = null where id = ${id}`;
      return;
    case "succeeded":
      await saveReliability(tx, id, afterSuccess(await lockReliability(tx, id)));
      return;
    case "failed": {
      const before = await lockReliability(tx, id);
      const oneMore =
        before.failuresInARow + 1 >= limits.quarantineAfter && (await mayQuarantine(tx, id, attemptId, now));
      await saveReliability(tx, id, afterFailure(before, oneMore, now));
      // A proof that a failure came after says nothing: else the machine that fails is always the one proven ready most recently.
      await tx`update machines set warm = warm - ${applicationOf(tx, attemptId)} where id = ${id}`;
    }
  }
}

export async function lockReliability(tx: Tx, id: MachineId): Promise<Reliability> {
  const [row] = await tx<(Omit<Reliability, "quarantinedUntil"> & { quarantinedUntil: Instant | null })[]>`
    select failures_in_a_row, failure_rate, quarantines, quarantined_until from machines where id = ${id}
    for no key update`;
  if (row === undefined) throw new Error(`machine ${id} is gone`);
  const { quarantinedUntil, ...rest } = row;
  return quarantinedUntil === null ? rest : { ...rest, quarantinedUntil };
}

export async function saveReliability(tx: Tx, id: MachineId, reliability: Reliability): Promise<void> {
  await tx`
    update machines set failures_in_a_row = ${reliability.failuresInARow}, failure_rate = ${reliability.failureRate},
      quarantines = ${reliability.quarantines},
      quarantined_until = ${reliability.quarantinedUntil ?? null}::timestamptz
    where id = ${id}`;
}

/**
 * Of the machines that offer the application of the attempt and could do its work, so that it always has some left. Counted by one at a time in the pool: of many that fail at the same instant no more are quarantined than may be. Lock order: after
 * all others.
 */
async function mayQuarantine(tx: Tx, id: MachineId, attemptId: AttemptId, now: Instant): Promise<boolean> {
  await tx`
    select pg_advisory_xact_lock(hashtextextended('quarantines ' || pool_id, 0)) from machines where id = ${id}`;
  const [row] = await tx<{ attached: number; quarantined: number }[]>`
    select count(*)::int as attached, (count(*) filter (
      where m.id <> ${id} and m.quarantined_until > ${now}::timestamptz))::int as quarantined
    from machines m
    where m.pool_id = (select pool_id from machines where id = ${id}) and m.status in ('idle', 'busy')
      and m.revoked_at is null and m.cordoned_at is null and ${applicationOf(tx, attemptId)} = any(m.applications)`;
  return row !== undefined && row.quarantined < quarantinesMax(row.attached);
}
