// The events of a run, from any number on, through whatever happens to the connection in between.
// 1. Numbers are gapless and rise by one: an event already seen is dropped, a hole is a torn stream and is asked for again.
// 2. The watch ends with the run's last ENDED, or at once when that was seen before; never because a connection ended. After an ENDED
//    with UNKNOWN more may have come, if a person has settled the run: the server says whether all is told.
// 3. The silence clock runs only while the watch waits for the server, not while the reader works on an event.

import { createClient } from "@connectrpc/connect";
import { backoffMs, sleep } from "./backoff.ts";
import { errorFrom, ServerFault, Unavailable } from "./errors.ts";
import { eventFrom, type RunEvent } from "./events.ts";
import { RunService, RunState } from "./gen/drover/v1/run_pb.ts";
import { type ClientLimits, holesMax } from "./limits.ts";
import { either, type Replicas } from "./replicas.ts";
import { isRetryable } from "./retryable.ts";
import { silence, untilSilent } from "./silence.ts";

export interface WatchOptions {
  /** The last number already seen; 0 for all. */
  afterEvent?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Told each time the connection is lost and will be tried again. */
  onReconnect?: ((cause: unknown) => void) | undefined;
}

/** Every event of the run after `afterEvent`, once, in order, until it has ended. Throws the signal's reason when aborted. */
export async function* watchRun(
  replicas: Replicas,
  limits: ClientLimits,
  runId: string,
  options: WatchOptions = {},
): AsyncGenerator<RunEvent, void, undefined> {
  const { onReconnect } = options;
  const signal = either(options.signal, replicas.closed);
  let seen = options.afterEvent ?? 0;
  let failures = 0;
  let holes = 0;
  let lastWordAt = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const replica = replicas.current();
    let why: unknown;
    try {
      const client = createClient(RunService, replica.transport);
      const asked = { runId, afterEvent: BigInt(seen) };
      const open = (cut: AbortSignal) => client.watchRun(asked, { signal: cut });
      for await (const message of untilSilent(open, limits.idleMs, signal)) {
        lastWordAt = performance.now();
        failures = 0;
        if (message.event === undefined) continue;
        const number = Number(message.event.number);
        if (number <= seen) continue;
        if (number > seen + 1) {
          if (++holes >= holesMax) throw new ServerFault(`Run ${runId}: event ${seen + 1} is missing.`);
          break;
        }
        const event = eventFrom(message.event);
        holes = 0;
        seen = number;
        yield event;
        // The reader may have taken its time over the event; that is no silence of the server's.
        lastWordAt = performance.now();
        if (event.kind === "ENDED" && event.outcome !== "UNKNOWN") return;
      }
      // Closed in good order: the replica stops, or all is told.
      const { run } = await client.getRun({ runId }, { timeoutMs: limits.attemptMs, signal });
      if (run?.state === RunState.ENDED && Number(run.lastEvent) <= seen) return;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error !== silence && !isRetryable(error, signal)) throw errorFrom(error);
      why = error;
    }
    // A stream that ended early without an error is a replica that stops: another one has the run's events as well.
    replicas.leave(replica);
    const waitMs = backoffMs(++failures, limits);
    if (performance.now() + waitMs - lastWordAt > limits.watchPatienceMs) {
      throw new Unavailable(`No word of run ${runId} from ${replicas.urls.join(", ")}.`, { cause: why });
    }
    onReconnect?.(why);
    await sleep(waitMs, signal);
  }
}
