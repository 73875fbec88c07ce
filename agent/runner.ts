// Turns assignments into commands carried out, and their ends into results. One command is in hand at a time. What to do
// about an assignment is decided in `assignment.ts`; here it is done.
//
// 1. An assignment is acknowledged before anything is done about it.
// 2. A command that was forgotten leaves no result; every other one leaves exactly one.
// 3. The next command starts when the desktop has let go of the last one, or after a second: its gate is closed by then
//    in any case, so that nothing of it can still be injected.

import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import {
  type ArtifactKind,
  type Assignment,
  type Command,
  FailureCategory,
  InputAmount,
  type Lease,
  ResultSchema,
} from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { decide, ended, type Held, type Order } from "./assignment.ts";
import type { ToServer } from "./connection/dial.ts";
import type { Desktop, Frame } from "./desktop/desktop.ts";
import type { ProcessGroups } from "./host/host.ts";
import type { AgentLog } from "./log.ts";
import type { Outbox } from "./outbox.ts";
import type { Permission } from "./permission.ts";
import { type CarriedOut, carryOut } from "./steps/carry-out.ts";
import { afterOwnTime } from "./steps/own-time.ts";
import type { Sight } from "./steps/sight.ts";
import { StepEnded } from "./steps/step-ended.ts";

export interface RunnerOptions {
  readonly desktop: Desktop;
  readonly sight: Sight;
  readonly permission: Permission;
  readonly outbox: Outbox;
  readonly allowExec: ReadonlyMap<string, string>;
  readonly groups: ProcessGroups;
  readonly log: AgentLog;
  /** Sends to the server if there is a stream; what matters is sent again after the next welcome. */
  send(message: ToServer): void;
  keep(kind: ArtifactKind, attemptId: string, commandNumber: number, frame: Frame | Promise<Frame>): string;
}

interface InHand {
  readonly attemptId: string;
  readonly number: number;
  readonly ending: AbortController;
  readonly done: Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const LET_GO_WITHIN_MS = 1000;
const ARTIFACT_IDS_MAX = 16;

export class Runner {
  readonly #options: RunnerOptions;
  #held: Held = { epoch: 0n, attempt: undefined };
  #inHand: InHand | undefined;
  #lettingGo: Promise<void> = Promise.resolve();

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  get held(): Held {
    return this.#held;
  }

  get busy(): boolean {
    return this.#inHand !== undefined;
  }

  assigned(assignment: Assignment): void {
    const { epoch, lease, abandon, command, halted, resumeNumber } = assignment;
    const { send, permission, outbox, log } = this.#options;
    send({ case: "assignmentAck", value: { epoch, commandNumber: command?.number ?? 0 } });
    const attemptId = lease?.attemptId;
    const decision = decide(this.#held, { epoch, attemptId, abandon, commandNumber: command?.number });
    if (decision.is === "stale") return;
    permission.instructed({ halted, resumeNumber });
    const starts = decision.orders.some(({ order }) => order === "start");
    // Not taken up at all: the server sends the assignment again after the next welcome, when there may be room.
    if (starts && outbox.full) {
      log.error("too many unacknowledged results");
      return;
    }
    const previous = this.#held.attempt?.attemptId;
    this.#held = decision.held;
    for (const order of decision.orders) this.#obey(order, lease, command, previous);
    permission.assigned(this.#held.attempt !== undefined);
  }

  /** Stops the command in hand with a result, and waits for that a little. */
  async abandon(why: string): Promise<void> {
    const inHand = this.#inHand;
    inHand?.ending.abort(new StepEnded("CANCELLED", why));
    await Promise.race([inHand?.done, sleep(LET_GO_WITHIN_MS)]);
  }

  #obey(order: Order, lease: Lease | undefined, command: Command | undefined, previous: string | undefined): void {
    const { send, outbox } = this.#options;
    switch (order.order) {
      case "forget":
        if (previous !== undefined) this.#forget(previous);
        return;
      case "abandon":
        this.#inHand?.ending.abort(new StepEnded("CANCELLED", "the command was abandoned"));
        return;
      case "resend": {
        const result = lease && outbox.find(lease.attemptId, order.number);
        if (result !== undefined) send({ case: "result", value: result });
        return;
      }
      case "cancel-unstarted":
        this.#report(lease, order.number, "CANCELLED", "the command was abandoned before it began");
        return;
      case "refuse":
        this.#report(lease, order.number, "PROTOCOL", "the command's number does not follow the last one");
        return;
      case "start":
        if (lease !== undefined && command !== undefined) this.#start(lease, command);
    }
  }

  #forget(attemptId: string): void {
    this.#inHand?.ending.abort(new StepEnded("LEASE_LOST", "the lease is over"));
    this.#inHand = undefined;
    this.#options.outbox.forget(attemptId);
  }

  #start(lease: Lease, command: Command): void {
    const ending = new AbortController();
    const letGo = Promise.withResolvers<void>();
    const previous = this.#lettingGo;
    this.#lettingGo = letGo.promise;
    const done = this.#carryOut(lease, command, ending, previous)
      .then(({ settled }) => void settled.then(letGo.resolve))
      .catch((error: Error) => {
        letGo.resolve();
        this.#options.log.error("a command was not carried out", { detail: error.name, commandNumber: command.number });
      });
    this.#inHand = { attemptId: lease.attemptId, number: command.number, ending, done };
  }

  /** Resolves when the command has ended, with what tells that the desktop has let go of it. */
  async #carryOut(lease: Lease, command: Command, ending: AbortController, previous: Promise<void>) {
    const { attemptId, application } = lease;
    const receivedAt = performance.now();
    const { desktop, sight, permission, allowExec, groups, log } = this.#options;
    const { number } = command;
    const overtime = () => ending.abort(new StepEnded("TIMEOUT", "the command's time was over"));
    const inTime = afterOwnTime(permission, command.timeoutMs || DEFAULT_TIMEOUT_MS, overtime);
    const artifactIds: string[] = [];
    const keep = (kind: ArtifactKind, frame: Frame | Promise<Frame>): string => {
      const id = this.#options.keep(kind, attemptId, number, frame);
      if (artifactIds.push(id) > ARTIFACT_IDS_MAX) artifactIds.shift();
      return id;
    };
    await Promise.race([previous, sleep(LET_GO_WITHIN_MS)]);
    const asNamed = application?.processes ?? [];
    // The Windows desktop says names in lower case, because Windows does not tell cases apart.
    const processNames = desktop.platform === "windows" ? asNamed.map((name) => name.toLowerCase()) : asNamed;
    const { signal } = ending;
    const scope = { desktop, sight, processNames, permission, signal, allowExec, groups, keep };
    const carriedOut = await carryOut(command, scope);
    inTime();
    const { failure, settled } = carriedOut;
    if (this.#inHand?.ending !== ending) return { settled }; // Forgotten (2).
    this.#inHand = undefined;
    this.#held = ended(this.#held);
    const durationMs = Math.round(performance.now() - receivedAt);
    this.#finish(attemptId, number, carriedOut, durationMs, artifactIds);
    const action = command.action.case ?? "unknown";
    const category = failure === undefined ? {} : { category: failure.category };
    log.info("command ended", { attemptId, commandNumber: number, action, durationMs, ...category });
    return { settled };
  }

  #finish(attemptId: string, number: number, end: CarriedOut, durationMs: number, artifactIds: string[]): void {
    const { input, failure, output, proof } = end;
    const why = failure && { failure: { category: failure.code, message: failure.message } };
    const found = { ...why, ...(output && { output }), ...(proof && { proof }) };
    const result = create(ResultSchema, { attemptId, number, input, durationMs, artifactIds, ...found });
    this.#options.outbox.add(result);
    this.#options.send({ case: "result", value: result });
  }

  /** A command that was never begun. */
  #report(lease: Lease | undefined, number: number, category: "CANCELLED" | "PROTOCOL", message: string): void {
    if (lease === undefined) return;
    const failure = { category: FailureCategory[category], message };
    const result = create(ResultSchema, { attemptId: lease.attemptId, number, input: InputAmount.NONE, failure });
    this.#options.outbox.add(result);
    this.#options.send({ case: "result", value: result });
  }
}
