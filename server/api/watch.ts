// WatchRun (G8): the run's events after a number, as they happen, until it has ended and all is told. One that ended UNKNOWN has
// more to tell once a person has settled it.
//
// 1. What is sent is what was read after the last number that was sent: nothing is missed and nothing comes twice, however
//    many wake-ups are lost or repeated.
// 2. A sign of life goes out when nothing else has for `signOfLifeMs`.
// 3. The subscription is let go however the watch ends: the signal fires also when a client vanishes while nothing is sent.
// 4. A run that is deleted meanwhile has nothing more to tell: RUN_NOT_FOUND. It is looked for when a wake-up told of no event.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { WatchRunResponseSchema } from "@drover/proto/gen/drover/v1/event_pb.ts";
import type { RunId } from "../rules/names.ts";
import { topics } from "../store/wakeup.ts";
import { type Audit, viewedBy } from "./audit.ts";
import { createBell } from "./bell.ts";
import type { RunDoor } from "./door.ts";
import { refused } from "./errors.ts";
import type { Principal, Wakeup } from "./keyring.ts";
import { apiLimits } from "./limits.ts";
import { eventMessage } from "./run-messages.ts";

interface Watched {
  readonly door: RunDoor;
  readonly wakeup: Wakeup;
  readonly audit: Audit;
  /** Other than `apiLimits.signOfLifeMs` in tests only. */
  readonly signOfLifeMs?: number;
}

export async function* watchRun(
  { door, wakeup, audit, signOfLifeMs = apiLimits.signOfLifeMs }: Watched,
  principal: Principal,
  id: RunId,
  afterEvent: bigint,
  signal: AbortSignal,
): AsyncIterable<MessageInitShape<typeof WatchRunResponseSchema>> {
  const { tenant } = principal;
  const run = await door.readRunView(tenant, id);
  if (run === undefined) refused("RUN_NOT_FOUND", `There is no run ${id}.`);
  if (afterEvent > BigInt(run.lastEvent)) {
    refused(
      "EVENT_NOT_FOUND",
      `The newest event of the run is ${run.lastEvent}; events after ${afterEvent} cannot be told.`,
    );
  }
  const isAll = async (told: number) => {
    const now = await door.readRunView(tenant, id);
    return now?.state === "ended" && now.lastEvent === told;
  };
  let after = Number(afterEvent);
  if (run.state === "ended" && after === run.lastEvent) return;

  const bell = createBell(signal);
  const unsubscribe = wakeup.subscribe(topics.run(id), bell.ring);
  signal.addEventListener("abort", unsubscribe, { once: true });
  try {
    let sentAt = performance.now();
    let mayBeGone = false;
    while (!signal.aborted) {
      const events = await door.eventsAfter(tenant, id, after, apiLimits.eventsPage);
      if (mayBeGone && events.length === 0 && (await door.readRunView(tenant, id)) === undefined) {
        refused("RUN_NOT_FOUND", `There is no run ${id} any more.`);
      }
      for (const event of events) {
        const { body } = event;
        if (body.kind === "ENDED" && body.outcome === "SUCCEEDED") {
          const outputs = await door.readOutputs(tenant, id);
          audit(viewedBy(principal, { viewed: "outputs", runId: id }));
          yield { event: eventMessage(event, outputs) };
        } else yield { event: eventMessage(event) };
        after = event.number;
        if (body.kind === "ENDED" && (body.outcome !== "UNKNOWN" || (await isAll(after)))) return;
      }
      if (events.length > 0) sentAt = performance.now();
      mayBeGone = false;
      if (events.length < apiLimits.eventsPage) mayBeGone = await bell.rung(Math.min(apiLimits.pollMs, signOfLifeMs));
      if (performance.now() - sentAt >= signOfLifeMs) {
        yield {};
        sentAt = performance.now();
        mayBeGone = true;
      }
    }
  } finally {
    signal.removeEventListener("abort", unsubscribe);
    unsubscribe();
  }
}
