// WatchRuns (G8, G12): the events of a tenant's runs from a cursor on, as they happen, until the caller, its key or the server
// ends it.
//
// 1. A cursor comes first, before anything is waited for: from then on nothing is missed, whatever becomes of the connection.
// 2. What is sent is what was read behind the last place that was looked at: nothing comes twice, however many wake-ups are
//    lost or repeated, and what the filter holds back is not read again.
// 3. The next events are read when the client has taken the last: one that does not read costs a page.
// 4. It looks at most once in `gatherMs`: many events are read together. What another transaction holds up is looked for again
//    soon, and less often the longer that takes: nobody wakes a watcher when it ends.

import { setTimeout as delay } from "node:timers/promises";
import type { MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import {
  RunEventKind,
  type WatchRunsRequestSchema,
  type WatchRunsResponseSchema,
} from "@drover/proto/gen/drover/v1/event_pb.ts";
import type { EventBody } from "../rules/event.ts";
import type { EventFilter, EventPosition } from "../store/event-stream.ts";
import { topics } from "../store/wakeup.ts";
import { createBell } from "./bell.ts";
import { invalidCursor, openCursor, sealCursor } from "./cursors.ts";
import type { RunDoor } from "./door.ts";
import type { Principal, Wakeup } from "./keyring.ts";
import { apiLimits } from "./limits.ts";
import { eventMessage } from "./run-messages.ts";

interface Watched {
  readonly door: RunDoor;
  readonly wakeup: Wakeup;
  /** Other than `apiLimits.signOfLifeMs` in tests only. */
  readonly signOfLifeMs?: number;
}

export async function* watchRuns(
  { door, wakeup, signOfLifeMs = apiLimits.signOfLifeMs }: Watched,
  { tenant }: Pick<Principal, "tenant">,
  request: Pick<MessageShape<typeof WatchRunsRequestSchema>, "workflow" | "caller" | "kinds" | "cursor">,
  signal: AbortSignal,
): AsyncIterable<MessageInitShape<typeof WatchRunsResponseSchema>> {
  const { cursor } = request;
  const filter = filterOf(request);
  const newest = await door.newestEvent(tenant);
  const seal = (position: EventPosition) => sealCursor(tenant, newest.database, position);
  let readTo = cursor === "" ? newest.position : openCursor(tenant, newest, cursor);
  const bell = createBell(signal);
  const unsubscribe = wakeup.subscribe(topics.events(tenant), bell.ring);
  signal.addEventListener("abort", unsubscribe, { once: true });
  try {
    yield { cursor: seal(readTo) };
    let sentAt = performance.now();
    let heldUpMs: number = apiLimits.gatherMs;
    while (!signal.aborted) {
      const readAt = performance.now();
      const read = await door.eventsBehind(tenant, filter, readTo, apiLimits.eventsPage);
      if (read.database !== newest.database) invalidCursor();
      for (const event of read.events) {
        // Without outputs, which are sensitive: whoever needs them asks for the run.
        yield { event: eventMessage(event), runId: event.runId, workflow: event.workflow, cursor: seal(event) };
      }
      if (read.events.length > 0) sentAt = performance.now();
      if (read.readTo !== readTo || !read.isHeldUp) heldUpMs = apiLimits.gatherMs;
      readTo = read.readTo;
      if (!read.isFull) {
        const pollMs = Math.min(apiLimits.pollMs, signOfLifeMs);
        await bell.rung(read.isHeldUp ? Math.min(heldUpMs, pollMs) : pollMs);
        heldUpMs *= 2;
        const earlyMs = readAt + apiLimits.gatherMs - performance.now();
        if (earlyMs > 0) await delay(earlyMs, undefined, { signal }).catch(() => undefined);
      }
      if (performance.now() - sentAt >= signOfLifeMs) {
        yield { cursor: seal(readTo) };
        sentAt = performance.now();
      }
    }
  } finally {
    signal.removeEventListener("abort", unsubscribe);
    unsubscribe();
  }
}

function filterOf({ workflow, caller, kinds }: Parameters<typeof watchRuns>[2]): EventFilter {
  const names = Object.entries(RunEventKind).flatMap(([name, kind]) => (kinds.includes(kind) ? [name] : []));
  return {
    ...(workflow === "" ? {} : { workflow }),
    ...(caller === "" ? {} : { caller }),
    ...(kinds.length === 0 ? {} : { kinds: names as EventBody["kind"][] }),
  };
}
