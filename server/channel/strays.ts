// Machines that count as attached to this replica although no session of it has them: their stream ended while Postgres did
// not answer, or they were let in and the answer was lost. Whatever the cause, they are declared silent, and come back or
// are taken over; else they would count as attached for ever, and runs would be placed on them.

import { silent } from "../engine/attaching.ts";
import type { EngineContext } from "../engine/context.ts";
import { type Loop, startLoop } from "../engine/loop.ts";
import { machinesOfReplica } from "../store/overdue.ts";

/** Looks once per beat. A machine has to be astray twice: its session may be just about to begin. */
export function startStrays(context: EngineContext, sessions: ReadonlySet<{ readonly id: string }>): Loop {
  let before = new Set<string>();
  return startLoop("strays", context.clocks.beatMs, context, async () => {
    const known = new Set([...sessions].map((session) => session.id));
    const attached = await machinesOfReplica(context.database.sql, context.replicaId);
    const astray = attached.filter(({ sessionId }) => !known.has(sessionId));
    for (const { id, sessionId } of astray) {
      if (!before.has(sessionId)) continue;
      context.log.warn("a machine counted as attached without a stream", { machine: id });
      await silent(context, id, sessionId, 0);
    }
    before = new Set(astray.map(({ sessionId }) => sessionId));
  });
}
