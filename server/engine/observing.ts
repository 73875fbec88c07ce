// What an agent's beats say of its machine: whether a person is there (G14) and what its desktop does (G13). Only transitions are
// written. What a session before this one has said holds until the first beat of this one, so that nothing is placed on a
// machine with a person because its stream was cut.

import type { Observed } from "../rules/machine.ts";
import type { MachineId } from "../rules/names.ts";
import { saveObserved } from "../store/machines.ts";
import { topics } from "../store/wakeup.ts";
import type { EngineContext } from "./context.ts";

/** Late news of an older session changes nothing. */
export async function observe(
  context: EngineContext,
  id: MachineId,
  sessionId: string,
  observed: Observed,
): Promise<void> {
  if (!(await saveObserved(context.database.sql, id, sessionId, observed))) return;
  context.wakeup.publish([topics.holding, topics.placing]);
}
