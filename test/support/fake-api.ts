// A public API for tests of its clients: real sockets, HTTP/1.1 and HTTP/2 on one port, runs in memory. A test says what
// happens to a run, and what goes wrong on the way: connections cut, answers lost, the server killed and started again.

import { once } from "node:events";
import { createServer as createHttp1 } from "node:http";
import { createServer as createHttp2 } from "node:http2";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type RunEvent, RunEventKind, RunEventSchema } from "../../sdk/gen/drover/v1/event_pb.ts";
import type { ExplanationSchema } from "../../sdk/gen/drover/v1/explanation_pb.ts";
import { CommitLabel, Outcome } from "../../sdk/gen/drover/v1/outcome_pb.ts";
import { type Run, RunSchema, RunState } from "../../sdk/gen/drover/v1/run_pb.ts";
import { fakeServices } from "./fake-services.ts";

type EventFields = Omit<MessageInitShape<typeof RunEventSchema>, "$typeName" | "kind" | "number">;

/** A run and what has happened to it. */
export interface FakeRun {
  run: Run;
  events: RunEvent[];
  idempotencyKey: string;
}

/** The state that outlives a restart, and what is to go wrong. */
export interface FakeState {
  runs: FakeRun[];
  /** All events in the order in which they happened. */
  told: { run: Run; event: RunEvent }[];
  /** Woken on each new event. */
  changed: EventTarget;
  /** How many calls of each method came in. */
  calls: Map<string, number>;
  /** Run inside the handler of the method before it answers; may throw, wait or cut the connection. */
  before: Map<string, (call: number) => void | Promise<void>>;
  /** What ExplainRun says of every run, and StartRun of what it requires in vain. */
  explanation: MessageInitShape<typeof ExplanationSchema>;
  /** What ResolveRun was called with. */
  resolutions: object[];
  /** The numbers that each watch asked to start after. */
  watchedAfter: number[];
  /** The cursors that each watch of many asked to go on behind. */
  watchedFrom: string[];
  /** Sent again at the start of each watch, from the run's first event on, as a server with a fault would. */
  repeatEvents: boolean;
  /** Watches send nothing at all while this is true. */
  silent: boolean;
  /** An event number that the first watch to come to it leaves out. */
  skipOnce: number | undefined;
}

export class FakeApi {
  readonly state: FakeState = {
    runs: [],
    told: [],
    changed: new EventTarget(),
    calls: new Map(),
    before: new Map(),
    explanation: {},
    resolutions: [],
    watchedAfter: [],
    watchedFrom: [],
    repeatEvents: false,
    silent: false,
    skipOnce: undefined,
  };
  #port = 0;
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens; after `kill` on the same port as before. */
  async start(): Promise<this> {
    const handler = connectNodeAdapter({ routes: (router: ConnectRouter) => fakeServices(router, this.state) });
    const http1 = createHttp1(handler);
    const http2 = createHttp2(handler);
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket)).on("error", () => socket.destroy());
      // HTTP/2 in the clear opens with "PRI "; anything else is HTTP/1.1.
      socket.once("readable", () => {
        const chunk: Buffer | null = socket.read();
        if (chunk === null) return;
        socket.unshift(chunk);
        (chunk.toString("latin1", 0, 4) === "PRI " ? http2 : http1).emit("connection", socket);
      });
    });
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  /** Cuts every connection, as a killed process does, and listens no more. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, "close");
    server.close();
    this.cut();
    await closed;
  }

  /** Cuts every connection and goes on listening. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** A run that some caller started. */
  addRun(workflow = "notes.save", fields: MessageInitShape<typeof RunSchema> = {}): FakeRun {
    const id = `01980000-0000-7000-8000-${String(this.state.runs.length + 1).padStart(12, "0")}`;
    return addRun(this.state, id, workflow, "", fields);
  }

  /** Makes something happen to the run. */
  tell(run: FakeRun, kind: keyof typeof RunEventKind, fields: EventFields = {}): void {
    tell(this.state, run, kind, fields);
  }

  /** Ends the run. */
  end(run: FakeRun, outcome: keyof typeof Outcome, fields: EventFields = {}): void {
    const commitLabel = outcome === "SUCCEEDED" ? CommitLabel.AFTER_COMMIT : CommitLabel.BEFORE_COMMIT;
    const ending = { outcome: Outcome[outcome], commitLabel, ...fields };
    Object.assign(run.run, { state: RunState.ENDED, outcome: ending.outcome, commitLabel: ending.commitLabel });
    if (ending.outputs !== undefined) run.run.outputs = ending.outputs;
    run.run.endedAt = timestampNow();
    tell(this.state, run, "ENDED", ending);
  }
}

/** Saves a run with its first event. */
export function addRun(
  state: FakeState,
  id: string,
  workflow: string,
  idempotencyKey: string,
  fields: MessageInitShape<typeof RunSchema> = {},
): FakeRun {
  const init = { id, workflow, workflowVersion: 1, pool: "default", state: RunState.QUEUED, createdAt: timestampNow() };
  const run: FakeRun = { run: create(RunSchema, { ...init, ...fields }), events: [], idempotencyKey };
  state.runs.push(run);
  tell(state, run, "QUEUED", {});
  return run;
}

function tell(state: FakeState, run: FakeRun, kind: keyof typeof RunEventKind, fields: EventFields): void {
  const number = BigInt(run.events.length + 1);
  run.run.lastEvent = number;
  const event = create(RunEventSchema, { at: timestampNow(), ...fields, number, kind: RunEventKind[kind] });
  run.events.push(event);
  state.told.push({ run: run.run, event });
  state.changed.dispatchEvent(new Event("change"));
}
