// Runs for callers: start one or many, follow one to its end, list them.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { answer, present } from "./answers.ts";
import { Refused, WaitTimedOut } from "./errors.ts";
import type { RunEnded, RunEvent } from "./events.ts";
import type { Explanation } from "./gen/drover/v1/explanation_pb.ts";
import { Outcome, ResolveAs } from "./gen/drover/v1/outcome_pb.ts";
import { type Run, RunService, RunState, StartRunRequestSchema } from "./gen/drover/v1/run_pb.ts";
import { type ClientLimits, startRunsMax } from "./limits.ts";
import type { Inputs, OutcomeName, Outputs, ResolveAsName, RunStateName } from "./names.ts";
import { endingError } from "./outcomes.ts";
import { pages } from "./pages.ts";
import type { Replicas } from "./replicas.ts";
import { type WatchOptions, watchRun } from "./watch.ts";
import { type WatchRunsOptions, watchRuns } from "./watch-many.ts";

/** What a start may say besides the workflow and its inputs. */
export interface StartOptions {
  /** The same key gives the same run for as long as it is kept. Without one, each call of `start` draws its own. */
  idempotencyKey?: string | undefined;
  /** Higher goes first; -100 to 100. */
  priority?: number | undefined;
  /** How long it may wait for a machine. */
  queueTimeoutMs?: number | undefined;
  /** How long it may take in all once it was placed. */
  timeoutMs?: number | undefined;
  /** Not to begin before then; at most 30 days ahead. It is in the queue, and its `queueTimeoutMs` runs, from then on. */
  notBefore?: Date | undefined;
  /** The workflow's version; the latest without one. */
  version?: number | undefined;
}

/** One of many runs to start. */
export interface StartItem extends StartOptions {
  workflow: string;
  inputs?: Inputs | undefined;
}

/** What became of one of many. */
export type StartResult = { started: RunHandle; existed: boolean } | { refused: Refused };

/** Which runs to list. */
export interface RunFilter {
  workflow?: string | undefined;
  state?: RunStateName | undefined;
  outcome?: OutcomeName | undefined;
  /** The owner of the key that started it. */
  caller?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** What was found out about a run that had ended UNKNOWN. */
export interface ResolveOptions {
  /** SUCCEEDED: it was done. FAILED: it is not to be tried again. RETRY: nothing took hold, it is to be tried again. */
  as: ResolveAsName;
  /** With SUCCEEDED: must fit the workflow's schema. */
  outputs?: Outputs | undefined;
  /** With FAILED: it is known that nothing took hold, so that it may be started again. */
  nothingCommitted?: boolean | undefined;
  /** What was looked at, for whoever reads it later. */
  note: string;
  signal?: AbortSignal | undefined;
}

/** A run: iterate over it for its events, await `result()` for what it found. */
export interface RunHandle<Result extends Outputs = Outputs> extends AsyncIterable<RunEvent> {
  readonly id: string;
  /**
   * What it requires and no machine of its pool offered when it was started, for people: it waits for one all the same. Empty when
   * one did, and for a run that was not started here.
   */
  readonly unmet: string;
  /** The events from 1 (or from the one after `afterEvent`), gapless, through restarts, until the run has ended. */
  events(options?: WatchOptions): AsyncGenerator<RunEvent, void, undefined>;
  /**
   * What the run found. Throws RunFailed, RunUnknown, RunCancelled or RunExpired, and WaitTimedOut after `timeoutMs`. A run that had
   * ended UNKNOWN gives what a person has settled it as since.
   */
  result(options?: { signal?: AbortSignal | undefined; timeoutMs?: number | undefined }): Promise<Result>;
  /** Asks for the run to be stopped. It ends CANCELLED, or UNKNOWN if it was inside a commit step. */
  cancel(options?: { signal?: AbortSignal | undefined }): Promise<Run>;
  /**
   * Puts the waiting run before all others of its pool; the one that was moved last goes first. May be repeated. Needs a key with
   * scope OPERATOR.
   */
  moveToFront(options?: { signal?: AbortSignal | undefined }): Promise<Run>;
  /** Settles the run, which had ended UNKNOWN, after a look at the records. Needs a key with scope OPERATOR. */
  resolve(resolution: ResolveOptions): Promise<Run>;
  /** Why it waits for a machine, as of now. */
  explain(options?: { signal?: AbortSignal | undefined }): Promise<Explanation>;
  /** The run as it stands, with its attempts and, if it did not succeed, how that came. */
  refresh(options?: { signal?: AbortSignal | undefined }): Promise<Run>;
}

type Ending = Extract<RunEvent, RunEnded>;

/** The part of the client that deals in runs. */
export function runsOver(replicas: Replicas, limits: ClientLimits) {
  const service = createClient(RunService, replicas.transport);

  function run<Result extends Outputs = Outputs>(id: string): RunHandle<Result> {
    return handleOf(id, "");
  }

  /** Why the run waits for a machine, as of now: what keeps it from which of them, the nearest ones, its place in line. */
  async function explain(runId: string, options: { signal?: AbortSignal | undefined } = {}): Promise<Explanation> {
    const { signal } = options;
    return present((await answer(service.explainRun({ runId }, opt(signal)), signal)).explanation, "explanation");
  }

  function handleOf<Result extends Outputs>(id: string, unmet: string): RunHandle<Result> {
    // Remembered, so that result() after a loop over the events asks the server for nothing; but for an UNKNOWN, which a person
    // may have settled since.
    let ending: Ending | undefined;
    async function* events(options: WatchOptions = {}): AsyncGenerator<RunEvent, void, undefined> {
      for await (const event of watchRun(replicas, limits, id, options)) {
        if (event.kind === "ENDED") ending = event;
        yield event;
      }
    }
    const read = async (signal?: AbortSignal) =>
      present((await answer(service.getRun({ runId: id }, opt(signal)), signal)).run, "run");
    return {
      id,
      unmet,
      events,
      [Symbol.asyncIterator]: () => events(),
      async result({ signal, timeoutMs } = {}) {
        const known = ending;
        const afterEvent = known?.number;
        const end =
          known !== undefined && known.outcome !== "UNKNOWN"
            ? known
            : await within(id, timeoutMs, signal, (until) => lastOf(events({ afterEvent, signal: until }), known));
        const { outcome, commitLabel, failure } = end;
        if (outcome === "SUCCEEDED") return (end.outputs ?? {}) as Result;
        throw endingError(outcome, {
          runId: id,
          commitLabel,
          failure,
          context: async () => (await read()).failureContext,
        });
      },
      async cancel({ signal } = {}) {
        return present((await answer(service.cancelRun({ runId: id }, opt(signal)), signal)).run, "run");
      },
      async moveToFront({ signal } = {}) {
        return present((await answer(service.moveRunToFront({ runId: id }, opt(signal)), signal)).run, "run");
      },
      async resolve({ as, outputs, nothingCommitted = false, note, signal }) {
        const told = {
          resolveAs: ResolveAs[as],
          nothingCommitted,
          note,
          ...(outputs === undefined ? {} : { outputs }),
        };
        return present((await answer(service.resolveRun({ runId: id, ...told }, opt(signal)), signal)).run, "run");
      },
      explain: (options) => explain(id, options),
      refresh: ({ signal } = {}) => read(signal),
    };
  }

  async function start<Result extends Outputs = Outputs>(
    workflow: string,
    inputs: Inputs = {},
    options: StartOptions & { signal?: AbortSignal | undefined } = {},
  ): Promise<RunHandle<Result>> {
    const { signal } = options;
    const response = await answer(service.startRun(request({ ...options, workflow, inputs }), opt(signal)), signal);
    return handleOf(present(response.run, "run").id, response.unmet);
  }

  async function startMany(
    items: readonly StartItem[],
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<StartResult[]> {
    const { signal } = options;
    const results: StartResult[] = [];
    for (let at = 0; at < items.length; at += startRunsMax) {
      const runs = items.slice(at, at + startRunsMax).map(request);
      const response = await answer(service.startRuns({ runs }, opt(signal)), signal);
      for (const { result } of response.results) {
        if (result.case === "started") {
          const { existed, unmet } = result.value;
          results.push({ started: handleOf(present(result.value.run, "run").id, unmet), existed });
        } else {
          const { reason = "UNSPECIFIED", message = "The server said nothing of this run." } = result.value ?? {};
          results.push({ refused: new Refused(reason, message) });
        }
      }
    }
    return results;
  }

  function runs(filter: RunFilter = {}): AsyncGenerator<Run, void, undefined> {
    const { signal, workflow = "", state, outcome, caller = "" } = filter;
    const where = {
      workflow,
      state: RunState[state ?? "UNSPECIFIED"],
      outcome: Outcome[outcome ?? "UNSPECIFIED"],
      caller,
    };
    return pages(async (page) => {
      const response = await answer(service.listRuns({ ...where, ...page }, opt(signal)), signal);
      return { rows: response.runs, nextPageToken: response.nextPageToken };
    });
  }

  /** What happens to any of the runs, from now on or from a cursor on, through restarts, until the reader stops. */
  const watchMany = (options?: WatchRunsOptions) => watchRuns(replicas, limits, options);

  return { run, explain, start, startMany, runs, watchRuns: watchMany };
}

/** The request for one run. Without a key of the caller's it gets its own, so that trying again never makes two runs. */
function request(item: StartItem): MessageInitShape<typeof StartRunRequestSchema> {
  const { queueTimeoutMs, timeoutMs, notBefore } = item;
  return create(StartRunRequestSchema, {
    workflow: item.workflow,
    workflowVersion: item.version ?? 0,
    inputs: item.inputs ?? {},
    idempotencyKey: item.idempotencyKey ?? drawKey(),
    priority: item.priority ?? 0,
    ...(queueTimeoutMs === undefined ? {} : { queueTimeout: durationFromMs(queueTimeoutMs) }),
    ...(timeoutMs === undefined ? {} : { timeout: durationFromMs(timeoutMs) }),
    ...(notBefore === undefined ? {} : { notBefore: timestampFromDate(notBefore) }),
  });
}

/** 128 random bits. Not crypto.randomUUID(): browsers offer that on secure pages only. */
function drawKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** `known`: what the events come after. */
async function lastOf(events: AsyncIterable<RunEvent>, known: Ending | undefined): Promise<Ending> {
  let last = known;
  for await (const event of events) if (event.kind === "ENDED") last = event;
  if (last === undefined) throw new TypeError("a watch ends with ENDED");
  return last;
}

/** Does the work with a signal that the caller's abort and the time limit both end. */
async function within<T>(
  runId: string,
  timeoutMs: number | undefined,
  signal: AbortSignal | undefined,
  work: (until: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (timeoutMs === undefined) return work(signal);
  const until = new AbortController();
  const onAbort = () => until.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(() => until.abort(new WaitTimedOut(runId, timeoutMs)), timeoutMs);
  try {
    return await work(until.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

function opt(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
