// What operators decide about the queue: what is kept from beginning, and how much is under way at the same time.

import { createClient, type Transport } from "@connectrpc/connect";
import { answer, present } from "./answers.ts";
import {
  type Limit,
  type Pause,
  QueueService,
  type LimitTarget as WireLimitTarget,
  type PauseTarget as WirePauseTarget,
} from "./gen/drover/v1/queue_pb.ts";

/** What can be limited: one of them, by its name. */
export type LimitTarget = { workflow: string } | { application: string };

/** What can be paused: one of them, by its name. */
export type PauseTarget = LimitTarget | { pool: string };

/** The part of the client that deals in pauses and limits. */
export function queueOver(transport: Transport) {
  const service = createClient(QueueService, transport);

  return {
    /**
     * Keeps what the target covers from beginning, from the moment this is answered; what is under way goes on, unlike with `halt`.
     * Paused before, it stays the pause that it was.
     */
    async pause(target: PauseTarget, reason = ""): Promise<Pause> {
      return present((await answer(service.pause({ target: { target: pauseTarget(target) }, reason }))).pause, "pause");
    },
    /** Ends the pause of the target, and returns it; undefined if there was none. What another pause covers too goes on waiting. */
    async unpause(target: PauseTarget): Promise<Pause | undefined> {
      return (await answer(service.unpause({ target: { target: pauseTarget(target) } }))).pause;
    },
    /** The pauses in force, newest first. */
    async pauses(): Promise<Pause[]> {
      return (await answer(service.listPauses({}))).pauses;
    },
    /**
     * Sets how many runs of the target may be under way at the same time, in all pools: 1 to 100,000. What is over a limit that was
     * lowered goes on.
     */
    async setLimit(target: LimitTarget, max: number): Promise<Limit> {
      return present((await answer(service.setLimit({ target: { target: limitTarget(target) }, max }))).limit, "limit");
    },
    /** Ends the limit of the target. May be repeated. */
    async removeLimit(target: LimitTarget): Promise<void> {
      await answer(service.removeLimit({ target: { target: limitTarget(target) } }));
    },
    /** The limits, by what they bound, with how much of each is used. */
    async limits(): Promise<Limit[]> {
      return (await answer(service.listLimits({}))).limits;
    },
  };
}

const limitTarget = (target: LimitTarget): Exclude<WireLimitTarget["target"], { case: undefined }> =>
  "workflow" in target
    ? { case: "workflow", value: target.workflow }
    : { case: "application", value: target.application };

const pauseTarget = (target: PauseTarget): Exclude<WirePauseTarget["target"], { case: undefined }> =>
  "pool" in target ? { case: "pool", value: target.pool } : limitTarget(target);
