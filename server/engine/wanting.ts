// What a machine's agent should be doing now, read from the store: level-triggered, whoever asks and however often.

import type { AttemptPhase, Ending, Held } from "../rules/attempt.ts";
import type { CommandSpec } from "../rules/command.ts";
import type { LeasePurpose } from "../rules/lease.ts";
import { limits } from "../rules/limits.ts";
import type { ApplicationVersionId, AttemptId, Instant, LeaseId, MachineId } from "../rules/names.ts";
import { type LeasedWork, type Wanted, wanted } from "../rules/wanted.ts";
import { leaseHalted } from "../store/halts.ts";
import type { EngineContext } from "./context.ts";

/** What the session of a machine needs to know: whether it is still the one, and what is wanted. */
export interface Wish {
  readonly sessionId: string | null;
  readonly revoked: boolean;
  /** The machine counts as attached; if not, it was declared silent, and whoever hears it must end. */
  readonly attached: boolean;
  /** Its lease waits for the agent's word that it does nothing. */
  readonly fencing: boolean;
  readonly wanted: Wanted;
  /** Time left for the wanted command, in milliseconds. */
  readonly commandLeftMs: number;
}

interface WishRow {
  epoch: number;
  sessionId: string | null;
  revoked: boolean;
  attached: boolean;
  now: Instant;
  leaseId: LeaseId | null;
  purpose: LeasePurpose;
  attemptId: AttemptId | null;
  phase: AttemptPhase;
  ending: Ending | null;
  applicationVersionId: ApplicationVersionId;
  commandNumber: number;
  spec: CommandSpec | null;
  commandDeadlineAt: Instant;
  held: Held | null;
  halted: boolean;
  resumeNumber: number;
}

export async function readWish(context: EngineContext, id: MachineId): Promise<Wish | undefined> {
  const { sql } = context.database;
  const [row] = await sql<WishRow[]>`
    select m.epoch, m.session_id, (m.revoked_at is not null) as revoked,
      (m.status in ('idle', 'busy')) as attached, clock_timestamp()::timestamptz(3) as now,
      l.id as lease_id, l.purpose, l.attempt_id, a.phase, a.ending, a.application_version_id, a.command_number,
      a.command_deadline_at, a.held, c.spec, ${leaseHalted(sql)} as halted, m.resume_number
    from machines m
    left join leases l on l.machine_id = m.id and l.ended_at is null
    left join attempts a on a.id = l.attempt_id
    left join runs r on r.id = a.run_id
    left join commands c on c.attempt_id = a.id and c.number = a.command_number and c.ended_at is null
    where m.id = ${id}`;
  if (row === undefined) return undefined;
  const { sessionId, revoked, attached, epoch, halted, resumeNumber } = row;
  const work = await workOf(context, row);
  const fencing = work?.attemptEnded === true;
  const wants = wanted({ epoch, halted, resumeNumber }, work);
  return { sessionId, revoked, attached, fencing, wanted: wants, commandLeftMs: leftMs(row) };
}

/** Of a command that somebody holds no time has passed. */
function leftMs({ spec, held, commandDeadlineAt, now }: WishRow): number {
  if (spec === null) return 0;
  return held === null ? Math.max(1, commandDeadlineAt - limits.resultGraceMs - now) : spec.timeoutMs;
}

async function workOf(context: EngineContext, row: WishRow): Promise<LeasedWork | undefined> {
  if (row.leaseId === null || row.attemptId === null) return undefined;
  const program = await context.interpreters.application(context.database.sql, row.applicationVersionId);
  const { spec, ending, phase } = row;
  return {
    leaseId: row.leaseId,
    purpose: row.purpose,
    attemptId: row.attemptId,
    attemptEnded: phase === "ended",
    stopping: ending !== null && phase !== "cleaning",
    application: { name: program.application, processes: program.processes },
    ...(spec === null ? {} : { command: { number: row.commandNumber, spec } }),
  };
}
