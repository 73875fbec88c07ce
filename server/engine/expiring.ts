// What has passed its time: queues, runs, commands, silent machines, dead replicas (G1, G6). One argument-less pass.

import type { RunHappening } from "../rules/advance.ts";
import type { RunId } from "../rules/names.ts";
import { readNow } from "../store/database.ts";
import { commandsOverdue, machinesOfDeadReplicas, machinesToTakeOver, runsPastDeadline } from "../store/overdue.ts";
import { orphan, takeOver } from "./attaching.ts";
import { changeRun } from "./changing.ts";
import type { EngineContext } from "./context.ts";

export async function expireAll(context: EngineContext): Promise<void> {
  const { sql } = context.database;
  const now = await readNow(sql);
  for (const machine of await machinesOfDeadReplicas(sql, now))
    await orphan(context, machine.id, machine.replicaEndedAt);
  for (const id of await machinesToTakeOver(sql, now)) await takeOver(context, id);
  await changeAll(context, await commandsOverdue(sql, now), { is: "command-overdue" });
  await changeAll(context, await runsPastDeadline(sql, now), { is: "deadline-passed" });
}

async function changeAll(context: EngineContext, runs: readonly RunId[], happening: RunHappening): Promise<void> {
  for (const id of runs) await changeRun(context, id, happening);
}
