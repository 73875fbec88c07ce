// An agent for tests of the agent port: a real grpc-js client on a real socket that says only what the test tells it to.

import { AssertionError } from "node:assert";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type AttachRequest,
  AttachRequestSchema,
  type AttachResponse,
  ChannelService,
  type DesktopState,
  type HelloSchema,
  type HoldReason,
  ReleaseState,
} from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { openBidi } from "@drover/proto/grpc.ts";
import * as grpc from "@grpc/grpc-js";
import { until } from "../agent/desktop/until.ts";

type Case = NonNullable<AttachResponse["message"]["case"]>;
type Said<C extends Case> = Extract<AttachResponse["message"], { case: C }>["value"];
export type HelloInit = Extract<MessageInitShape<typeof HelloSchema>, { $typeName?: never }>;

export const hello = (changes: HelloInit = {}): HelloInit => ({
  protocolVersion: 1,
  agentVersion: "fake",
  incarnation: { bootId: "boot-1", startId: "start-0001", holdsLock: true },
  dialNumber: 1n,
  inventory: { platform: "simulated", os: "none", applications: [{ name: "notes", version: "1" }] },
  ...changes,
});

/** What an agent that can be replaced says of itself. */
export const updatable = (agentVersion: string, changes: HelloInit = {}): HelloInit => ({
  agentVersion,
  inventory: {
    platform: "simulated",
    os: "none",
    applications: [{ name: "notes", version: "1" }],
    executable: "linux-x64",
  },
  ...changes,
});

export class FakeAgent {
  readonly heard: AttachResponse["message"][] = [];
  /** How the call ended, once it has. */
  ended: { readonly code: grpc.status; readonly details: string } | undefined;
  /** Whether assignments are acknowledged by itself. */
  acks = true;
  /** What its beats say of its machine. */
  observed: { readonly hold?: HoldReason; readonly desktop?: DesktopState } = {};
  readonly #client: grpc.Client;
  readonly #call: grpc.ClientDuplexStream<AttachRequest, AttachResponse>;
  #beats: NodeJS.Timeout | undefined;
  #beat = 0n;

  constructor(port: number, key: string) {
    this.#client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    const metadata = new grpc.Metadata();
    if (key !== "") metadata.set("authorization", `Bearer ${key}`);
    this.#call = openBidi(this.#client, ChannelService.method.attach, metadata);
    this.#call.on("data", ({ message }: AttachResponse) => {
      this.heard.push(message);
      if (message.case === "assignment" && this.acks) this.ack(message.value.epoch, message.value.command?.number);
    });
    this.#call.on("error", () => undefined);
    this.#call.on("status", ({ code, details }) => {
      this.ended = { code, details };
      this.quiet();
    });
  }

  say(message: NonNullable<MessageInitShape<typeof AttachRequestSchema>["message"]>): void {
    if (this.ended === undefined) this.#call.write(create(AttachRequestSchema, { message }));
  }

  ack(epoch: bigint, commandNumber = 0): void {
    this.say({ case: "assignmentAck", value: { epoch, commandNumber } });
  }

  hello(changes: HelloInit = {}): void {
    this.say({ case: "hello", value: hello(changes) });
  }

  /** Says Hello, waits for Welcome, and beats from then on. */
  async attach(changes: HelloInit = {}): Promise<this> {
    this.hello(changes);
    const { beatIntervalMs } = await this.heardOf("welcome");
    this.beat();
    this.#beats = setInterval(() => this.beat(), beatIntervalMs);
    return this;
  }

  beat(): void {
    this.say({ case: "beat", value: { number: ++this.#beat, ...this.observed } });
  }

  /** Beats no more; the stream stays open. */
  quiet(): void {
    clearInterval(this.#beats);
  }

  all<C extends Case>(which: C): Said<C>[] {
    return this.heard.flatMap((message) => (message.case === which ? [message.value as Said<C>] : []));
  }

  async heardOf<C extends Case>(which: C, count = 1): Promise<Said<C>> {
    await until(`message ${count} of kind ${which}`, () => {
      const there = this.all(which).length >= count;
      if (this.ended !== undefined && !there)
        throw new AssertionError({ message: `the call ended before: ${this.ended.details}` });
      return there;
    });
    return this.all(which)[count - 1] as Said<C>;
  }

  /** Waits for an assignment of this command. */
  assigned(number: number): Promise<Said<"assignment">> {
    return until(`command ${number}`, () => this.all("assignment").find((a) => a.command?.number === number));
  }

  /** Says that this release lies on its disk. */
  prepared(version: string): void {
    this.say({ case: "releaseReport", value: { version, state: ReleaseState.PREPARED } });
  }

  /** The version that it was last told to run; empty: its own. */
  wantedVersion(): string | undefined {
    return this.all("wantedRelease").at(-1)?.version;
  }

  async end(): Promise<{ readonly code: grpc.status; readonly details: string }> {
    return until("the end of the call", () => this.ended);
  }

  /** Cuts the stream. Idempotent. */
  stop(): void {
    this.quiet();
    this.#call.cancel();
    this.#client.close();
  }
}
