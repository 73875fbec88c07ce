// What the control plane says that happened, read from its tables when a simulation is over.

import type { Database } from "../../server/store/database.ts";
import { calendarAt } from "./process.ts";
import type {
  AttemptFact,
  EventFact,
  LeaseFact,
  QuarantineFact,
  RunFact,
  SimulationRecord,
  StopFact,
} from "./record.ts";

type Timed<T> = { readonly [Key in keyof T]: T[Key] };

/** Instants of the calendar become virtual times. */
function timed<T extends object>(row: Timed<T>, names: readonly (keyof T)[]): T {
  const changed: Record<string, unknown> = { ...row };
  for (const name of names) {
    const at = row[name];
    if (typeof at === "number") changed[name as string] = at - calendarAt(0);
  }
  return changed as T;
}

export async function readFacts({
  sql,
}: Database): Promise<Omit<SimulationRecord, "entries" | "wakeupsLost" | "endedAt">> {
  const runs = await sql<RunFact[]>`
    select id, inputs->>'order' as order, workflow, caller, priority, state, outcome, commit_label as label, created_at, ended_at,
      queue_timeout_ms, timeout_ms, last_event from runs order by id`;
  const attempts = await sql<AttemptFact[]>`
    select a.id, a.run_id as run, a.number, a.purpose, m.name as machine, a.commit_label as label, a.started_at,
      a.ended_at, a.proof->>'verdict' as verdict, a.failure->>'category' as category
    from attempts a join machines m on m.id = a.machine_id order by a.id`;
  const leases = await sql<LeaseFact[]>`
    select m.name as machine, l.attempt_id as attempt, l.epoch, l.granted_at, l.ended_at
    from leases l join machines m on m.id = l.machine_id order by l.id`;
  const events = await sql<EventFact[]>`
    select run_id as run, number, at, body->>'kind' as kind, body->'failure'->>'category' as category,
      body->>'verification' as verification
    from events order by run_id, number`;
  const stops = await sql<StopFact[]>`
    select 'halt' as stop, h.kind, coalesce(m.name, p.name, h.target) as target, null::int as max,
      h.halted_at as "from", h.resumed_at as "to"
    from halts h
    left join machines m on h.kind = 'machine' and m.id::text = h.target
    left join pools p on h.kind = 'pool' and p.id::text = h.target
    union all
    select 'cordon', 'machine', m.name, null, c.cordoned_at, c.uncordoned_at
    from simulation.cordons c join machines m on m.id = c.machine_id
    union all
    select 'pause', s.kind, coalesce(p.name, s.target), null, s.paused_at, s.ended_at
    from pauses s left join pools p on s.kind = 'pool' and p.id::text = s.target
    union all
    select 'limit', kind, name, max, from_at, to_at from simulation.limits
    order by 5, 1, 3`;
  const quarantines = await sql<QuarantineFact[]>`
    select m.name as machine, q.from_at as "from", q.to_at as "to"
    from simulation.quarantines q join machines m on m.id = q.machine_id order by 2, 1`;
  return {
    runs: runs.map((run) => timed(run, ["createdAt", "endedAt"])),
    attempts: attempts.map((attempt) => timed(attempt, ["startedAt", "endedAt"])),
    leases: leases.map((lease) => timed(lease, ["grantedAt", "endedAt"])),
    events: events.map((event) => timed(event, ["at"])),
    stops: stops.map((stop) => timed(stop, ["from", "to"])),
    quarantines: quarantines.map((quarantine) => timed(quarantine, ["from", "to"])),
  };
}
