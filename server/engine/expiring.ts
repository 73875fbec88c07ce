// What has passed its time: queues, runs, commands, drains, leases, silent machines, dead replicas (G1, G6). One argument-less pass.
//
// One item that cannot be dealt with holds up no other: it is told of, and comes again in the next pass.

import type { RunId } from "../rules/names.ts";
import { readNow } from "../store/database.ts";
import {
  commandsOverdue,
  drainsOverdue,
  machinesOfDeadReplicas,
  machinesOverdue,
  machinesToTakeOver,
  runsPastDeadline,
} from "../store/overdue.ts";
import { cutOff, orphan, takeOver } from "./attaching.ts";
import { changeRun } from "./changing.ts";
import type { EngineContext } from "./context.ts";
import { errorText } from "./loop.ts";

export async function expireAll(context: EngineContext): Promise<void> {
  const { sql } = context.database;
  const now = await readNow(sql);
  await each(context, await machinesOfDeadReplicas(sql, now), (m) => orphan(context, m.id, m.replicaEndedAt));
  await each(context, await machinesToTakeOver(sql, now), (id) => takeOver(context, id));
  await each(context, await commandsOverdue(sql, now), ({ runId, upkeepId }) =>
    changeRun(context, runId, { is: "command-overdue" }, { upkeepId: upkeepId ?? undefined }),
  );
  await each(context, await runsPastDeadline(sql, now), (id: RunId) =>
    changeRun(context, id, { is: "deadline-passed" }),
  );
  await each(context, await drainsOverdue(sql, now), ({ runId, attemptId, upkeepId }) =>
    changeRun(context, runId, { is: "drain-overdue" }, { only: attemptId, upkeepId: upkeepId ?? undefined }),
  );
  await each(context, await machinesOverdue(sql, now), (id) => cutOff(context, id));
}

async function each<T>(
  context: EngineContext,
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  for (const item of items) {
    try {
      await work(item);
    } catch (error) {
      context.log.warn("what has passed its time could not be ended yet", { error: errorText(error) });
    }
  }
}
