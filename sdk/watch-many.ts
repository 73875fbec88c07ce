// The events of many runs, in one stream that goes on through whatever happens to the connection in between.
// 1. It goes on behind the cursor of the last message, which the reader has had: nothing is missed and nothing comes twice.
// 2. It ends when the reader stops or aborts it; never because a connection ended.
// 3. A cursor that the server refuses ends it: nobody can say what was missed. The reader lists the runs and begins anew.

import { createClient } from "@connectrpc/connect";
import { backoffMs, sleep } from "./backoff.ts";
import { errorFrom, Unavailable } from "./errors.ts";
import { eventFrom, type RunEvent } from "./events.ts";
import { RunEventKind, type WatchRunsResponse } from "./gen/drover/v1/event_pb.ts";
import { RunService } from "./gen/drover/v1/run_pb.ts";
import type { ClientLimits } from "./limits.ts";
import type { RunEventKindName } from "./names.ts";
import { either, type Replicas } from "./replicas.ts";
import { isRetryable } from "./retryable.ts";
import { silence, untilSilent } from "./silence.ts";

/** Which events, and from where on. */
export interface WatchRunsOptions {
  /** Only runs of this workflow. */
  workflow?: string | undefined;
  /** Only runs that this owner of a key started. */
  caller?: string | undefined;
  /** Only events of these kinds. */
  kinds?: readonly RunEventKindName[] | undefined;
  /** Go on behind this one, which an earlier watch has told; without it, from now on. */
  cursor?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Told where the watch stands when that is not with an event: first of all, once it has begun, and then now and again. */
  onCursor?: ((cursor: string) => void) | undefined;
  /** Told each time the connection is lost and will be tried again. */
  onReconnect?: ((cause: unknown) => void) | undefined;
}

/** Something that happened to one of the runs. */
export interface WatchedEvent {
  runId: string;
  /** The workflow of the run. */
  workflow: string;
  /** An ENDED comes without outputs: `client.run(runId).result()` asks for them. */
  event: RunEvent;
  /** A watch that is begun with it goes on behind this event. */
  cursor: string;
  /** The message as it came. */
  wire: WatchRunsResponse;
}

/**
 * The events of many runs as they happen, those of one run in their order, until the reader stops. Throws the signal's reason when
 * aborted, and Refused with CURSOR_INVALID when the cursor is of another database.
 */
export async function* watchRuns(
  replicas: Replicas,
  limits: ClientLimits,
  options: WatchRunsOptions = {},
): AsyncGenerator<WatchedEvent, void, undefined> {
  const { workflow = "", caller = "", onCursor, onReconnect } = options;
  const kinds = (options.kinds ?? []).map((kind) => RunEventKind[kind]);
  const signal = either(options.signal, replicas.closed);
  let cursor = options.cursor ?? "";
  let failures = 0;
  let lastWordAt = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const replica = replicas.current();
    const client = createClient(RunService, replica.transport);
    const asked = { workflow, caller, kinds, cursor };
    let why: unknown;
    try {
      const open = (cut: AbortSignal) => client.watchRuns(asked, { signal: cut });
      for await (const wire of untilSilent(open, limits.idleMs, signal)) {
        lastWordAt = performance.now();
        failures = 0;
        cursor = wire.cursor;
        if (wire.event === undefined) {
          onCursor?.(cursor);
          continue;
        }
        yield { runId: wire.runId, workflow: wire.workflow, event: eventFrom(wire.event), cursor, wire };
        // The reader may have taken its time over the event; that is no silence of the server's.
        lastWordAt = performance.now();
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error !== silence && !isRetryable(error, signal)) throw errorFrom(error);
      why = error;
    }
    // A stream that ended without an error is a replica that stops: another one has the events as well.
    replicas.leave(replica);
    const waitMs = backoffMs(++failures, limits);
    if (performance.now() + waitMs - lastWordAt > limits.watchPatienceMs) {
      throw new Unavailable(`No word of any run from ${replicas.urls.join(", ")}.`, { cause: why });
    }
    onReconnect?.(why);
    await sleep(waitMs, signal);
  }
}
