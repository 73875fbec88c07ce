// A control plane for tests of the agent: a real grpc-js server on a real socket, whose every answer a test decides.
// It answers beats by itself, unless told not to, because that is what most tests do not want to write.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type AttachRequest,
  type AttachResponse,
  AttachResponseSchema,
  ChannelService,
  type Result,
  type WelcomeSchema,
} from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { DiagnoseResponseSchema, DiagnosisService, KeyState } from "@drover/proto/gen/drover/agent/v1/diagnosis_pb.ts";
import {
  EnrolmentService,
  type EnrolRequest,
  EnrolResponseSchema,
} from "@drover/proto/gen/drover/agent/v1/enrolment_pb.ts";
import {
  type DownloadRequest,
  type DownloadResponse,
  DownloadResponseSchema,
  ReleaseService,
} from "@drover/proto/gen/drover/agent/v1/release_pb.ts";
import { serviceDefinition } from "@drover/proto/grpc.ts";
import * as grpc from "@grpc/grpc-js";
import { until } from "../agent/desktop/until.ts";

type Case = NonNullable<AttachRequest["message"]["case"]>;
type Said<C extends Case> = Extract<AttachRequest["message"], { case: C }>["value"];

/** Of one test process alone: an agent holds its machine's name on the whole system, and test files run side by side. */
export const MACHINE_ID = `machine-${process.pid}`;

/** One attached agent, as the server sees it. */
export class FakeStream {
  readonly heard: AttachRequest["message"][] = [];
  readonly authorization: string;
  readonly #call: grpc.ServerDuplexStream<AttachRequest, AttachResponse>;
  acksBeats = true;
  acksArtifacts = true;
  closed = false;

  constructor(call: grpc.ServerDuplexStream<AttachRequest, AttachResponse>) {
    this.#call = call;
    this.authorization = `${call.metadata.get("authorization")[0]}`;
    const received = new Map<string, number>();
    call.on("data", ({ message }: AttachRequest) => {
      this.heard.push(message);
      if (message.case === "beat" && this.acksBeats) this.ackBeat(message.value.number);
      if (message.case === "artifactChunk" && this.acksArtifacts) {
        const { artifactId, data } = message.value;
        const receivedBytes = (received.get(artifactId) ?? 0) + data.length;
        received.set(artifactId, receivedBytes);
        this.say({ case: "artifactAck", value: { artifactId, receivedBytes } });
      }
    });
    call.on("end", () => {
      this.closed = true;
      call.end();
    });
    call.on("cancelled", () => {
      this.closed = true;
    });
    call.on("error", () => {
      this.closed = true;
    });
  }

  say(message: NonNullable<MessageInitShape<typeof AttachResponseSchema>["message"]>): void {
    this.#call.write(create(AttachResponseSchema, { message }));
  }

  ackBeat(number: bigint): void {
    this.say({ case: "beatAck", value: { number } });
  }

  /** Ends the call with a status. */
  refuse(code: grpc.status, details: string): void {
    this.#call.emit("error", { code, details });
  }

  all<C extends Case>(which: C): Said<C>[] {
    return this.heard.flatMap((message) => (message.case === which ? [message.value as Said<C>] : []));
  }

  /** Waits for the `count`-th message of a kind and returns it. */
  async heardOf<C extends Case>(which: C, count = 1): Promise<Said<C>> {
    await until(`message ${count} of kind ${which}`, () => this.all(which).length >= count);
    return this.all(which)[count - 1] as Said<C>;
  }

  async result(number: number, count = 1): Promise<Result> {
    const results = () => this.all("result").filter((result) => result.number === number);
    return until(`result ${count} of command ${number}`, () => results()[count - 1]);
  }
}

/** How a download ends before its end: after so many bytes, with a status. */
export interface BrokenOff {
  readonly afterBytes: number;
  readonly code: grpc.status;
}

type DownloadCall = grpc.ServerWritableStream<DownloadRequest, DownloadResponse>;
const PIECE_BYTES = 64 * 1024;

export class FakeServer {
  readonly streams: FakeStream[] = [];
  readonly enrolments: EnrolRequest[] = [];
  /** What it says of itself to a diagnosis. */
  clockAheadMs = 0;
  protocolVersions = [1];
  /** What can be downloaded, by version. */
  readonly releases = new Map<string, Buffer>();
  readonly downloads: DownloadRequest[] = [];
  /** How the next downloads end; those after them go well. */
  readonly brokenOff: BrokenOff[] = [];
  readonly url: string;
  /** What happens to a new stream before anything is heard from it. */
  onAttach: (stream: FakeStream) => void = () => {};
  readonly #server: grpc.Server;

  private constructor(server: grpc.Server, port: number) {
    this.#server = server;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(port = 0): Promise<FakeServer> {
    const server = new grpc.Server();
    let self: FakeServer | undefined;
    server.addService(serviceDefinition(ChannelService), {
      attach: (call: grpc.ServerDuplexStream<AttachRequest, AttachResponse>) => {
        const stream = new FakeStream(call);
        self?.streams.push(stream);
        self?.onAttach(stream);
      },
    });
    server.addService(serviceDefinition(EnrolmentService), {
      enrol: (call: grpc.ServerUnaryCall<EnrolRequest, unknown>, answer: grpc.sendUnaryData<unknown>) => {
        self?.enrolments.push(call.request);
        if (call.request.token.startsWith("spent")) return answer({ code: grpc.status.UNAUTHENTICATED });
        answer(null, create(EnrolResponseSchema, { machineId: MACHINE_ID, machineKey: "key-1" }));
      },
    });
    server.addService(serviceDefinition(ReleaseService), {
      download: (call: DownloadCall) => {
        if (self !== undefined) self.#download(call);
      },
    });
    server.addService(serviceDefinition(DiagnosisService), {
      diagnose: (call: grpc.ServerUnaryCall<unknown, unknown>, answer: grpc.sendUnaryData<unknown>) => {
        const [authorization] = call.metadata.get("authorization");
        const known = authorization === "Bearer key-1" ? KeyState.GOOD : KeyState.REFUSED;
        const key = authorization === undefined ? KeyState.UNSPECIFIED : known;
        const unixMs = BigInt(Date.now() + (self?.clockAheadMs ?? 0));
        const protocolVersions = self?.protocolVersions ?? [];
        answer(null, create(DiagnoseResponseSchema, { unixMs, protocolVersions, key }));
      },
    });
    const bound = await new Promise<number>((resolve, reject) =>
      server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, at) =>
        error === null ? resolve(at) : reject(error),
      ),
    );
    self = new FakeServer(server, bound);
    return self;
  }

  #download(call: DownloadCall): void {
    const { version, offset } = call.request;
    this.downloads.push(call.request);
    const broken = this.brokenOff.shift();
    const rest = this.releases.get(version)?.subarray(Number(offset));
    if (rest === undefined) return void call.emit("error", { code: grpc.status.NOT_FOUND });
    const sent = rest.subarray(0, broken?.afterBytes);
    for (let at = 0; at < sent.length; at += PIECE_BYTES) {
      call.write(create(DownloadResponseSchema, { data: sent.subarray(at, at + PIECE_BYTES) }));
    }
    if (broken === undefined) call.end();
    else call.emit("error", { code: broken.code });
  }

  /** Waits for the `count`-th stream and welcomes it. */
  async welcome(count = 1, welcome: MessageInitShape<typeof WelcomeSchema> = {}): Promise<FakeStream> {
    const stream = await this.stream(count);
    await stream.heardOf("hello");
    stream.say({ case: "welcome", value: { ...WELCOME, ...welcome } });
    return stream;
  }

  async stream(count = 1): Promise<FakeStream> {
    return until(`stream ${count}`, () => this.streams[count - 1]);
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}

/** Short times, so that a test waits for milliseconds where a fleet waits for seconds. */
export const WELCOME: MessageInitShape<typeof WelcomeSchema> = {
  protocolVersion: 1,
  machineId: MACHINE_ID,
  beatIntervalMs: 50,
  stopAfterMs: 400,
  healthIntervalMs: 0,
  artifactBytesMax: 8 * 1024 * 1024,
};
