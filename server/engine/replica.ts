// This process's row (G1): renewed each second, ending three seconds after the renewal was *sent*. Beats are acked only
// while it is live by this process's own clocks, which start counting before Postgres's can.
//
// Two clocks count, and the one that says "later" wins: the monotonic one stands still while a VM is suspended, the wall
// clock can be set back.

import type { LeaseClocks } from "../rules/limits.ts";
import type { ReplicaId } from "../rules/names.ts";
import type { Sql } from "../store/database.ts";
import { endReplica, renewReplica } from "../store/replicas.ts";
import type { Log } from "./context.ts";
import { errorText } from "./loop.ts";
import type { Meter } from "./meter.ts";

export interface Replica {
  /** True while beats may be acked. */
  isLive(): boolean;
  /**
   * Counts the row's lives; undefined while it is not live. What was attached in one life is orphaned at its end: a session
   * acks in the life that it began in, and in no later one.
   */
  life(): number | undefined;
  /** Called each time the row had lapsed and is live again: what was attached meanwhile must attach anew. */
  onLapse(lapsed: () => void): void;
  stop(): Promise<void>;
}

export async function startReplica(
  sql: Sql,
  replica: {
    readonly id: ReplicaId;
    readonly agentAddress: string;
    readonly clocks: LeaseClocks;
    readonly log: Log;
    readonly meter: Meter;
  },
): Promise<Replica> {
  const { id, agentAddress, clocks, log, meter } = replica;
  let sentMonotonic = Number.NEGATIVE_INFINITY;
  let sentWall = Number.NEGATIVE_INFINITY;
  let lapsed: () => void = () => {};
  let life = 1;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let renewing: Promise<void> | undefined;

  const isLive = () =>
    !stopped && Math.max(performance.now() - sentMonotonic, Date.now() - sentWall) < clocks.replicaEndMs;

  async function renew() {
    const monotonic = performance.now();
    const wall = Date.now();
    await renewReplica(sql, { id, agentAddress, endMs: clocks.replicaEndMs }).catch((error) => {
      meter.passed("renewing", performance.now() - monotonic, "failed");
      throw error;
    });
    meter.passed("renewing", performance.now() - monotonic, "done");
    const wasLive = isLive();
    const first = sentMonotonic === Number.NEGATIVE_INFINITY;
    sentMonotonic = monotonic;
    sentWall = wall;
    // A renewal that took so long that it is over already has revived nothing.
    if (!wasLive && !first && isLive()) {
      life++;
      log.warn("this replica's row had lapsed; its agents attach anew");
      lapsed();
    }
  }

  function again() {
    if (stopped) return;
    timer = setTimeout(() => {
      renewing = renew()
        .catch((error) => log.warn("this replica's row could not be renewed", { error: errorText(error) }))
        .finally(again);
    }, clocks.replicaRenewMs);
  }

  await renew();
  again();
  return {
    isLive,
    life: () => (isLive() ? life : undefined),
    onLapse(handler) {
      lapsed = handler;
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      clearTimeout(timer);
      await renewing;
      await endReplica(sql, id).catch((error) =>
        log.warn("this replica's row could not be ended", { error: errorText(error) }),
      );
    },
  };
}
