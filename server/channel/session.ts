// One attached agent: Hello -> telling what is wanted, taking what is reported -> gone.
//
// 1. A beat is acked only while this replica's row is live, and this session began in that same life (G1).
// 2. What is wanted is re-read whenever it may have changed, and sent when it differs from what was sent last.
// 3. A result is acked after it is saved, in order. What cannot be saved ends the session; the agent sends it again.
// 4. However the session ends, its machine is declared silent as of the last beat that was received.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import {
  type ArtifactChunk,
  type AssignmentAck,
  type AttachRequest,
  AttachRequestSchema,
  type AttachResponse,
  AttachResponseSchema,
  type Beat,
  type ReleaseReport,
  type Result,
} from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { status } from "@grpc/grpc-js";
import { fenced, learn, silent } from "../engine/attaching.ts";
import type { EngineContext } from "../engine/context.ts";
import { errorText } from "../engine/loop.ts";
import { observe } from "../engine/observing.ts";
import type { Replica } from "../engine/replica.ts";
import { report } from "../engine/reporting.ts";
import { reportRelease } from "../engine/updating.ts";
import { readWish } from "../engine/wanting.ts";
import type { Observed } from "../rules/machine.ts";
import type { AttemptId } from "../rules/names.ts";
import type { MachineRow } from "../store/machines.ts";
import { topics } from "../store/wakeup.ts";
import { Incoming } from "./incoming.ts";
import type { PictureShelf } from "./pictures.ts";
import { type ReleaseTelling, startReleaseTelling } from "./release-telling.ts";
import { inventoryOf, observedOf, releaseReportOf, resultOf } from "./reported.ts";
import { assignmentOf, picturesIn } from "./told.ts";

/** The stream as the session sees it. */
export interface AgentStream {
  send(message: AttachResponse): void;
  /** Ends the call with a gRPC status. Idempotent. */
  end(code: status, details: string): void;
}

/** How often what is wanted is re-read when nothing wakes it: bounds what a lost wake-up costs. */
const rereadMs = 5_000;

const validator = createValidator();

/** What is wrong with a message, in words, or undefined. Names fields, never values. */
export function fault(message: AttachRequest): string | undefined {
  const checked = validator.validate(AttachRequestSchema, message);
  if (checked.kind === "valid") return undefined;
  if (checked.kind === "error") return "a rule could not be evaluated";
  return checked.violations
    .map((v) => `${v.field.map((p) => ("name" in p ? p.name : "")).join(".")}: ${v.message}`)
    .join("; ");
}

export class Session {
  readonly #context: EngineContext;
  readonly #replica: Replica;
  /** The life of the replica's row that this session began in. */
  readonly #life: number;
  readonly #machine: MachineRow;
  readonly id: string;
  readonly #stream: AgentStream;
  readonly #pictures: PictureShelf;
  readonly #incoming: Incoming;
  #heardAt = performance.now();
  #watchedAt = performance.now();
  /** The agent has said that it injects nothing until it has another stream. */
  #redials = false;
  #sent = "";
  #sentAt = 0;
  #sentWish = { epoch: -1, number: 0, fencing: false };
  #acked = true;
  /** What the last beat said of the machine; nothing before the first. */
  #observed: Observed | undefined;
  #telling: Promise<void> | undefined;
  #tellAgain = false;
  #saving: Promise<void> = Promise.resolve();
  #ended: Promise<void> | undefined;
  readonly #over = Promise.withResolvers<void>();
  /** Resolves when the session has ended and its machine was declared silent. */
  readonly over: Promise<void> = this.#over.promise;
  readonly #unsubscribes: readonly (() => void)[];
  readonly #meterEnd: () => void;
  readonly #releases: ReleaseTelling;
  readonly #timers: NodeJS.Timeout[];

  constructor(
    context: EngineContext,
    replica: Replica,
    life: number,
    machine: MachineRow,
    id: string,
    stream: AgentStream,
    pictures: PictureShelf,
  ) {
    this.#context = context;
    this.#replica = replica;
    this.#life = life;
    this.#machine = machine;
    this.id = id;
    this.#stream = stream;
    this.#pictures = pictures;
    this.#incoming = new Incoming(context, machine.id, (value) => this.#send({ case: "artifactAck", value }));
    const tell = () => this.#tell();
    this.#unsubscribes = [topics.machine(machine.id), topics.halts(machine.tenantId)].map((topic) =>
      context.wakeup.subscribe(topic, tell),
    );
    this.#meterEnd = context.meter.streamOpened(machine.tenantId);
    this.#releases = startReleaseTelling(context, machine.id, (message) => this.#send(message));
    this.#timers = [
      setInterval(() => this.#watch(), context.clocks.beatMs / 2),
      setInterval(() => this.#tell(), rereadMs),
    ];
    this.#tell();
  }

  #send(message: Exclude<MessageInitShape<typeof AttachResponseSchema>["message"], undefined>): void {
    if (this.#ended === undefined) this.#stream.send(create(AttachResponseSchema, { message }));
  }

  take(request: AttachRequest): void {
    if (this.#ended !== undefined) return;
    const wrong = fault(request);
    if (wrong !== undefined) return this.end(status.INVALID_ARGUMENT, wrong);
    const { message } = request;
    switch (message.case) {
      case "beat":
        return this.#onBeat(message.value);
      case "assignmentAck":
        return this.#onAssignmentAck(message.value);
      case "result":
        return this.#save(() => this.#onResult(message.value));
      case "artifactChunk":
        return this.#onChunk(message.value);
      case "inventory": {
        const inventory = inventoryOf(message.value);
        return this.#save(() => learn(this.#context, this.#machine.id, this.id, inventory));
      }
      case "releaseReport":
        return this.#save(() => this.#onReleaseReport(message.value));
      case "goodbye":
        this.#redials = message.value.redials;
        return this.end(status.OK, "goodbye");
      case "hello":
        return this.end(status.INVALID_ARGUMENT, "message.hello: only the first message of a stream is a Hello");
      case undefined:
        return;
    }
  }

  #onBeat(beat: Beat): void {
    this.#context.meter.beat(this.#machine.tenantId);
    this.#heardAt = performance.now();
    if (this.#replica.life() === this.#life) this.#send({ case: "beatAck", value: { number: beat.number } });
    const said = observedOf(beat);
    if (said.hold === this.#observed?.hold && said.desktop === this.#observed.desktop) return;
    this.#observed = said;
    this.#save(() => observe(this.#context, this.#machine.id, this.id, said));
  }

  #onAssignmentAck(ack: AssignmentAck): void {
    const { epoch, number, fencing } = this.#sentWish;
    if (Number(ack.epoch) !== epoch || ack.commandNumber !== number) return;
    this.#acked = true;
    if (fencing) {
      this.#save(() => fenced(this.#context, this.#machine.id, this.id, epoch));
    }
  }

  #onChunk(chunk: ArtifactChunk): void {
    this.#incoming.take(chunk).catch((error) => {
      this.#context.log.warn("an artifact could not be saved", {
        machine: this.#machine.name,
        error: errorText(error),
      });
      this.#send({ case: "artifactAck", value: { artifactId: chunk.artifactId, refused: "it could not be saved" } });
    });
  }

  async #onResult(result: Result): Promise<void> {
    await report(this.#context, this.#machine.id, result.attemptId as AttemptId, resultOf(result));
    this.#send({ case: "resultAck", value: { attemptId: result.attemptId, number: result.number } });
  }

  async #onReleaseReport(said: ReleaseReport): Promise<void> {
    const report = releaseReportOf(said);
    if (report === undefined) return;
    await reportRelease(this.#context, this.#machine.id, report);
    if (report.is === "prepared") this.#releases.prepared();
  }

  /** One after the other; a failure ends the session, and the agent reports again to the next one. */
  #save(work: () => Promise<void>): void {
    this.#saving = this.#saving.then(async () => {
      if (this.#ended !== undefined) return;
      try {
        await work();
      } catch (error) {
        this.#context.log.warn("a report could not be saved", { machine: this.#machine.name, error: errorText(error) });
        void this.end(status.UNAVAILABLE, "a report could not be saved; attach again");
      }
    });
  }

  /** Re-reads what is wanted; asked for while it does, it does so once more. */
  #tell(): void {
    this.#tellAgain = true;
    if (this.#telling !== undefined || this.#ended !== undefined) return;
    this.#telling = (async () => {
      while (this.#tellAgain && this.#ended === undefined) {
        this.#tellAgain = false;
        await this.#tellOnce();
      }
    })()
      .catch((error) =>
        this.#context.log.warn("what is wanted could not be read", {
          machine: this.#machine.name,
          error: errorText(error),
        }),
      )
      .finally(() => {
        this.#telling = undefined;
      });
  }

  async #tellOnce(): Promise<void> {
    const wish = await readWish(this.#context, this.#machine.id);
    if (wish === undefined || wish.revoked) return this.end(status.UNAUTHENTICATED, "the machine's key was revoked");
    if (wish.sessionId !== this.id) return this.end(status.UNAVAILABLE, "the machine is attached elsewhere");
    if (!wish.attached) return this.end(status.UNAVAILABLE, "the machine was declared silent; attach again");
    const { wanted } = wish;
    const { lease, command } = wanted;
    const key = [
      ...[wanted.epoch, lease?.attemptId ?? "", wanted.abandon, command?.number ?? 0],
      ...[wanted.halted, wanted.resumeNumber],
    ].join(" ");
    if (key === this.#sent) return;
    const pictures = await this.#pictures.get(
      this.#machine.tenantId,
      command === undefined ? [] : picturesIn(command.spec),
    );
    this.#sent = key;
    this.#sentAt = performance.now();
    this.#sentWish = { epoch: wanted.epoch, number: command?.number ?? 0, fencing: wish.fencing };
    this.#acked = false;
    this.#send({ case: "assignment", value: assignmentOf(wanted, wish.commandLeftMs, pictures) });
  }

  /** A stream that is dead in either direction ends; the agent, if it lives, dials again. */
  #watch(): void {
    const life = this.#replica.life();
    if (life !== undefined && life !== this.#life) {
      return this.end(status.UNAVAILABLE, "this replica's row had lapsed; attach again");
    }
    const sinceMs = performance.now() - this.#watchedAt;
    this.#watchedAt = performance.now();
    // This process was away itself: what arrived meanwhile is not read yet.
    if (sinceMs > this.#context.clocks.beatMs) return;
    const quietMs = performance.now() - this.#heardAt;
    const patienceMs = 2 * this.#context.clocks.beatMs;
    if (quietMs > patienceMs) return this.end(status.UNAVAILABLE, "no beat for two intervals");
    if (!this.#acked && performance.now() - this.#sentAt > patienceMs) {
      return this.end(status.UNAVAILABLE, "an assignment was not acknowledged for two beat intervals");
    }
  }

  /** Tells the agent where else to go, and ends. */
  async goAway(reason: string, addresses: readonly string[]): Promise<void> {
    this.#send({ case: "goAway", value: { reason, addresses: [...addresses] } });
    this.end(status.UNAVAILABLE, reason);
    await this.over;
  }

  end(code: status, details: string): void {
    this.#ended ??= this.#finish(code, details);
  }

  async #finish(code: status, details: string): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    for (const unsubscribe of this.#unsubscribes) unsubscribe();
    this.#meterEnd();
    const releasesTold = this.#releases.stop();
    this.#stream.end(code, details);
    const { log } = this.#context;
    const silentMs = performance.now() - this.#heardAt;
    log.info("an agent's stream ended", {
      machine: this.#machine.name,
      reason: details,
      silentMs: Math.round(silentMs),
    });
    try {
      await this.#saving;
      const silentMs = performance.now() - this.#heardAt;
      await silent(this.#context, this.#machine.id, this.id, this.#redials ? "redials" : silentMs);
    } catch (error) {
      // Postgres is away: this replica's row lapses too, and its machines are found through that.
      log.warn("a silent machine could not be told of", { machine: this.#machine.name, error: errorText(error) });
    }
    // Whoever waits for the end may close the store: nothing is read after it.
    await Promise.all([releasesTold, this.#telling]);
    this.#over.resolve();
  }
}
