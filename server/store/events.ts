// The events of runs: numbered from 1 without gaps by a counter on the run's row, under the run's lock (G8).

import type { EventBody } from "../rules/event.ts";
import type { Instant, RunId, TenantId } from "../rules/names.ts";
import { json, type Query, type Tx } from "./database.ts";

export interface RunEvent {
  readonly number: number;
  readonly at: Instant;
  readonly body: EventBody;
}

/**
 * Appends after `lastEvent`, the run's counter before this change; under the run's lock, so that the event before is there to be
 * seen. `tx` is never below that event's (`event-stream.ts`, 3).
 */
export async function appendEvents(
  tx: Tx,
  runId: RunId,
  lastEvent: number,
  bodies: readonly EventBody[],
  now: Instant,
): Promise<void> {
  if (bodies.length === 0) return;
  const saved = await tx`
    insert into events (run_id, number, at, body, tenant_id, tx)
    select r.id, ${lastEvent}::int + e.place, ${now}::timestamptz, e.body, r.tenant_id,
      greatest(pg_current_xact_id(), (select tx from events where run_id = r.id and number = ${lastEvent}))
    from runs r, jsonb_array_elements(${json(bodies)}::jsonb) with ordinality as e(body, place)
    where r.id = ${runId}`;
  if (saved.count !== bodies.length) throw new Error(`run ${runId} is not there to have events`);
}

/** The run's events after a number, in order, at most `limit`; empty for another tenant's run. */
export async function eventsAfter(
  query: Query,
  tenantId: TenantId,
  runId: RunId,
  after: number,
  limit: number,
): Promise<RunEvent[]> {
  return await query<RunEvent[]>`
    select e.number, e.at, e.body
    from events e join runs r on r.id = e.run_id
    where e.run_id = ${runId} and r.tenant_id = ${tenantId} and e.number > ${after}
    order by e.number limit ${limit}`;
}
