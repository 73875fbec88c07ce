// The events of all runs of a tenant, in one order in which a reader can go on from any place: none is skipped, however late
// it was committed, and none comes twice (G8).
//
// 1. Each event has a `tx`: no lower than the id of the transaction that wrote it. Transactions get their ids when they first
//    write and commit in any order, so that neither an id nor a time says whether something older is still to come.
// 2. Only what is settled is told: with a `tx` below that of every transaction that is still under way, as the statement itself
//    sees it. What has such a `tx` is there by then, or never will be: nothing comes in behind a reader.
// 3. Events of one run are told in their order. A transaction may have its id before it gets the run's lock, so that the event
//    after has the lower id: its `tx` is then that of the event before (`appendEvents`).
// 4. A position is that of an event that was read, which its commit has made durable; never just "all that is settled". Ids of
//    transactions that left no trace before Postgres was killed are given out again, and would come in behind such a position.
// 5. Positions are of one life of one database: in a database that was restored, or went on in a standby, the same ids may be
//    given out once more. `database` names that life.
//
// The price of 2: any transaction that writes, anywhere in the server, holds up what was written after it began; and so does
// one that was prepared and is not ended. Those that only read, as a dump does, hold up nothing.

import type { EventBody } from "../rules/event.ts";
import type { RunId, TenantId } from "../rules/names.ts";
import type { Query, Tx } from "./database.ts";
import type { RunEvent } from "./events.ts";

/** A place in the order: behind this event. */
export interface EventPosition {
  readonly tx: string;
  readonly runId: RunId;
  readonly number: number;
}

const beginning: EventPosition = { tx: "0", runId: "00000000-0000-0000-0000-000000000000" as RunId, number: 0 };

export interface StreamedEvent extends RunEvent, EventPosition {
  readonly workflow: string;
}

/** Which events; what is absent is any. */
export interface EventFilter {
  readonly workflow?: string;
  readonly caller?: string;
  readonly kinds?: readonly EventBody["kind"][];
}

export interface EventsRead {
  /** Invariant 5. */
  readonly database: string;
  /** Those that fit the filter. */
  readonly events: readonly StreamedEvent[];
  /** Where to go on: behind all that was looked at. */
  readonly readTo: EventPosition;
  /** As many as it may were looked at: there may be more. */
  readonly isFull: boolean;
  /** There are events that are not settled yet. */
  readonly isHeldUp: boolean;
}

export interface NewestEvent {
  readonly database: string;
  readonly position: EventPosition;
  /** Positions with this `tx` or a higher one have not been given out. */
  readonly settledBelow: string;
}

/** The server, the database in it, and the line of its history: a standby that takes over begins a new one. */
const life = (query: Query) => query`
  (select system_identifier from pg_control_system()) || ' ' ||
  (select oid from pg_database where datname = current_database()) || ' ' ||
  left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)`;

const settledBelow = (query: Query) => query`pg_snapshot_xmin(pg_current_snapshot())`;

/** Where a reader begins who wants what comes from now on: behind the newest event that is settled. */
export async function newestEvent(query: Query, tenantId: TenantId): Promise<NewestEvent> {
  const [row] = await query<
    ({ database: string; settledBelow: string } & (EventPosition | { [K in keyof EventPosition]: null }))[]
  >`
    select ${life(query)} as database, ${settledBelow(query)} as settled_below, newest.*
    from (select 1) one left join lateral (
      select tx, run_id, number from events
      where tenant_id = ${tenantId} and tx < ${settledBelow(query)}
      order by tx desc, run_id desc, number desc limit 1) newest on true`;
  if (row === undefined) throw new Error("Postgres did not say where its events end");
  const { database, settledBelow: below, ...position } = row;
  return { database, settledBelow: below, position: position.tx === null ? beginning : position };
}

/** Looks at the next `limit` settled events of the tenant, in order. */
export async function eventsBehind(
  query: Query,
  tenantId: TenantId,
  filter: EventFilter,
  after: EventPosition,
  limit: number,
): Promise<EventsRead> {
  const { workflow = null, caller = null } = filter;
  const kinds = filter.kinds === undefined ? null : [...filter.kinds];
  const rows = await query<
    ({
      database: string;
      isHeldUp: boolean;
      looked: number;
      lastTx: string | null;
      lastRun: RunId;
      lastNumber: number;
    } & (StreamedEvent | { readonly tx: null }))[]
  >`
    with looked as materialized (
      select tx, run_id, number, at, body from events
      where tenant_id = ${tenantId} and (tx, run_id, number) > (${after.tx}::xid8, ${after.runId}::uuid, ${after.number}::int)
        and tx < ${settledBelow(query)}
      order by tx, run_id, number limit ${limit}),
    last as (select tx, run_id, number from looked order by tx desc, run_id desc, number desc limit 1),
    fitting as (
      select l.*, r.workflow from looked l cross join lateral (select workflow, caller from runs where id = l.run_id offset 0) r
      where (${workflow}::text is null or r.workflow = ${workflow}) and (${caller}::text is null or r.caller = ${caller})
        and (${kinds}::text[] is null or l.body ->> 'kind' = any (${kinds}::text[])))
    select f.*, here.*, last.tx as last_tx, last.run_id as last_run, last.number as last_number
    from (select ${life(query)} as database, (select count(*)::int from looked) as looked, exists (
        select 1 from events where tenant_id = ${tenantId} and tx >= ${settledBelow(query)}) as is_held_up) here
      left join last on true left join fitting f on true
    order by f.tx, f.run_id, f.number`;
  const [first] = rows;
  if (first === undefined) throw new Error("Postgres did not say how far it looked");
  const { database, isHeldUp, looked, lastTx, lastRun, lastNumber } = first;
  return {
    ...{ database, isHeldUp, isFull: looked === limit },
    events: rows.flatMap((row) => (row.tx === null ? [] : [row])),
    readTo: lastTx === null ? after : { tx: lastTx, runId: lastRun, number: lastNumber },
  };
}

/**
 * After a restore into another server, whose transactions are counted anew, events may have a `tx` that is still to come and
 * would not be told for as long. They get this transaction's, which is above that of all others and keeps the order of each run. To be
 * called while no replica serves: who watches then begins anew (invariant 5).
 */
export async function settleRestored(tx: Tx): Promise<void> {
  const ahead = await tx`
    select 1 from tenants t cross join lateral (
      select tx from events where tenant_id = t.id order by tx desc limit 1) newest
    where newest.tx > pg_current_xact_id() limit 1`;
  if (ahead.length > 0) await tx`update events set tx = pg_current_xact_id() where tx > pg_current_xact_id()`;
}
