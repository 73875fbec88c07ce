// One dial: hello, welcome, then beats one way and acknowledgements the other until it ends. Knows the conversation of
// channel.proto and nothing of desktops. Its state is a union; `#state` changes in the methods of this class only.
//
// 1. Nothing but `Hello` is sent before `Welcome`.
// 2. A beat's send time is taken before it is written.
// 3. Two beat intervals without an acknowledgement end the dial.
// 4. At most one artifact chunk is in the socket's queue, so that beats and results never wait behind more than that.

import type { Socket } from "node:net";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type AttachRequest,
  AttachRequestSchema,
  type AttachResponse,
  ChannelService,
  type DesktopState,
  type HelloSchema,
  type HoldReason,
  type Welcome,
} from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { openBidi } from "@drover/proto/grpc.ts";
import * as grpc from "@grpc/grpc-js";
import type { Chunk } from "../artifacts.ts";
import type { DialEnd } from "./redial.ts";
import { channelCredentials, channelOptions, type ServerAddress } from "./server-address.ts";

const WELCOME_WITHIN_MS = 10_000;
/** For a last word to leave the machine, before another dial. */
const FAREWELL_MS = 100;
/** For what was written last to leave the machine. */
const LINGER_MS = 500;

export type FromServer = Exclude<AttachResponse["message"], { case: "welcome" | "goAway" | undefined }>;
export type ToServer = NonNullable<MessageInitShape<typeof AttachRequestSchema>["message"]>;

/** What the rest of the agent does with a conversation. */
export interface Conversation {
  hello(): MessageInitShape<typeof HelloSchema>;
  welcomed(welcome: Welcome, dial: Dial): void;
  received(message: FromServer, dial: Dial): void;
  beatSending(number: bigint): void;
  /** It hears nothing: nothing is injected any more. */
  leaving(): void;
  holding(): HoldReason;
  desktop(): DesktopState;
  nextChunk(): Chunk | undefined;
}

type DialState =
  | { is: "greeting"; timer: NodeJS.Timeout }
  | { is: "serving"; since: number; beats: NodeJS.Timeout; silence: NodeJS.Timeout; beatNumber: bigint }
  | { is: "leaving"; since: number }
  | { is: "ended" };

export class Dial {
  readonly ended: Promise<DialEnd>;
  readonly #conversation: Conversation;
  readonly #client: grpc.Client;
  readonly #call: grpc.ClientDuplexStream<AttachRequest, AttachResponse>;
  readonly #sockets: Socket[] = [];
  #state: DialState;
  #chunkInQueue = false;
  #ackedBeats = 0;
  #resolve: (end: DialEnd) => void = () => {};

  constructor(server: ServerAddress, machineKey: string, conversation: Conversation) {
    this.#conversation = conversation;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    const metadata = new grpc.Metadata();
    metadata.set("authorization", `Bearer ${machineKey}`);
    this.#client = new grpc.Client(
      server.target,
      channelCredentials(server, (socket) => this.#sockets.push(socket)),
      channelOptions(server),
    );
    this.#call = openBidi(this.#client, ChannelService.method.attach, metadata);
    this.#call.on("data", (response: AttachResponse) => this.#received(response));
    this.#call.on("status", ({ code, details }) =>
      this.#end({ was: "status", code: grpc.status[code], detail: details, attachedMs: 0 }),
    );
    this.#call.on("error", () => {}); // The status says it.
    const timer = setTimeout(() => this.#end({ was: "half-dead", attachedMs: 0 }), WELCOME_WITHIN_MS);
    this.#state = { is: "greeting", timer };
    this.#write({ case: "hello", value: conversation.hello() });
  }

  get serving(): boolean {
    return this.#state.is === "serving";
  }

  /** Sends a message of a welcomed stream; drops it otherwise, since all that matters is sent again after a welcome. */
  send(message: ToServer): void {
    if (this.serving) this.#write(message);
  }

  /** Sends a beat out of turn: the lease clock was voided, or somebody else holds the agent than before. */
  beat(): void {
    if (this.#state.is !== "serving") return;
    const number = ++this.#state.beatNumber;
    this.#conversation.beatSending(number);
    const [hold, desktop] = [this.#conversation.holding(), this.#conversation.desktop()];
    this.#write({ case: "beat", value: { number, hold, desktop } });
  }

  /** Sends what the window and invariant 4 allow. To be called whenever an artifact was added or acknowledged. */
  sendArtifacts(): void {
    if (!this.serving || this.#chunkInQueue) return;
    const chunk = this.#conversation.nextChunk();
    if (chunk === undefined) return;
    const { id: artifactId, kind, attemptId, commandNumber, contentType, bytes } = chunk.artifact;
    const { offset, data } = chunk;
    this.#chunkInQueue = true;
    const totalBytes = bytes.length;
    const value = { artifactId, kind, attemptId, commandNumber, contentType, totalBytes, offset, data };
    this.#write({ case: "artifactChunk", value }, () => {
      this.#chunkInQueue = false;
      this.sendArtifacts();
    });
  }

  /** Says goodbye, gives it `flushMs` to leave, and closes. */
  async goodbye(reason: string, flushMs: number): Promise<void> {
    if (this.#state.is === "serving") {
      this.#write({ case: "goodbye", value: { reason } });
      this.#silenceTimers();
      this.#state = { is: "leaving", since: this.#state.since };
      this.#call.end();
      const timer = setTimeout(() => this.close(), flushMs);
      await this.ended;
      clearTimeout(timer);
    } else this.close();
  }

  close(): void {
    this.#end({ was: "closed", attachedMs: 0 });
  }

  #received({ message }: AttachResponse): void {
    if (this.#state.is === "ended") return;
    if (message.case === "goAway") this.#end({ was: "go-away", addresses: message.value.addresses, attachedMs: 0 });
    else if (message.case === "welcome" && this.#state.is === "greeting") this.#serve(message.value);
    if (
      message.case === "goAway" ||
      message.case === "welcome" ||
      message.case === undefined ||
      this.#state.is !== "serving"
    )
      return;
    if (message.case === "beatAck" && message.value.number <= this.#state.beatNumber) {
      this.#ackedBeats++;
      this.#state.silence.refresh();
    }
    this.#conversation.received(message, this);
  }

  #serve(welcome: Welcome): void {
    this.#silenceTimers();
    const intervalMs = Math.max(welcome.beatIntervalMs, 10);
    const beats = setInterval(() => this.beat(), intervalMs);
    const silence = setTimeout(() => this.#silent(), 2 * intervalMs);
    this.#state = { is: "serving", since: performance.now(), beats, silence, beatNumber: 0n };
    this.#conversation.welcomed(welcome, this);
    this.beat();
    this.sendArtifacts();
  }

  /** Two intervals without an acknowledgement, unless one is waiting to be read behind a busy event loop. */
  #silent(): void {
    const acked = this.#ackedBeats;
    setImmediate(() => acked === this.#ackedBeats && this.#leaveUnheard());
  }

  /** The server may still hear: it is told that nothing is injected here any more. */
  #leaveUnheard(): void {
    if (this.#state.is !== "serving") return;
    this.#conversation.leaving();
    this.#write({ case: "goodbye", value: { reason: "no beat is acknowledged", redials: true } });
    this.#silenceTimers();
    this.#state = { is: "leaving", since: this.#state.since };
    this.#call.end();
    setTimeout(() => this.#end({ was: "half-dead", attachedMs: 0 }), FAREWELL_MS);
  }

  #write(message: ToServer, written: () => void = () => {}): void {
    this.#call.write(create(AttachRequestSchema, { message }), written);
  }

  #end(end: DialEnd): void {
    const state = this.#state;
    if (state.is === "ended") return;
    this.#silenceTimers();
    this.#state = { is: "ended" };
    this.#call.cancel();
    this.#client.close();
    // A frozen server never closes its end; without this, each dial to it would leave a socket behind.
    const linger = () => {
      for (const socket of this.#sockets) socket.destroy();
    };
    setTimeout(linger, LINGER_MS).unref();
    this.#resolve({ ...end, attachedMs: "since" in state ? performance.now() - state.since : 0 });
  }

  #silenceTimers(): void {
    if (this.#state.is === "greeting") clearTimeout(this.#state.timer);
    if (this.#state.is !== "serving") return;
    clearInterval(this.#state.beats);
    clearTimeout(this.#state.silence);
  }
}
