// What attempts have found out about their machines.

import type { MachineMark } from "../rules/machine.ts";
import type { AttemptId, Instant, MachineId } from "../rules/names.ts";
import { unreadyUntil } from "../rules/readiness-backoff.ts";
import type { Tx } from "./database.ts";
import { lockMachine } from "./machines.ts";

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
        update machines set unready_count = 0, unready_verdict = null, unready_until = null
        where id = ${id} and unready_count > 0`;
      return;
    case "not-ready": {
      await lockMachine(tx, id);
      const [row] = await tx<{ unreadyCount: number }[]>`select unready_count from machines where id = ${id}`;
      const count = (row?.unreadyCount ?? 0) + 1;
      await tx`
        update machines set unready_count = ${count}, unready_verdict = ${mark.verdict},
          unready_until = ${unreadyUntil(count, now)}::timestamptz
        where id = ${id}`;
      return;
    }
    case "unclean":
      await tx`update machines set unclean_attempt_id = ${attemptId} where id = ${id}`;
      return;
    case "clean":
      await tx`update machines set unclean_attempt_id = null where id = ${id}`;
  }
}
