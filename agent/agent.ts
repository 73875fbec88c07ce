// One agent on one desktop: joins identity, lock, clock, lease, runner and connection, and dials until it is stopped.
// Keeps nothing outside its own objects, so that many can live in one process.

import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DesktopState } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { ArtifactQueue } from "./artifacts.ts";
import { type Conversation, Dial } from "./connection/dial.ts";
import { REDIAL_LIMITS, type RedialLimits, redial } from "./connection/redial.ts";
import { namedAddress, type ServerAddress } from "./connection/server-address.ts";
import type { Desktop } from "./desktop/desktop.ts";
import { DesktopProbe, PROBE_TIMES, type ProbeTimes } from "./desktop-probe.ts";
import { AGENT_VERSION } from "./executable/program.ts";
import { Holding, PERSON_QUIET_MS } from "./holding.ts";
import type { AgentClock, ProcessGroups, TryLock } from "./host/host.ts";
import { thisHost } from "./host/this-host.ts";
import { type Identity, loadIdentity } from "./identity.ts";
import { type Inventory, type Offer, takeInventory } from "./inventory.ts";
import { takeLock } from "./lock.ts";
import type { AgentLog } from "./log.ts";
import { Outbox } from "./outbox.ts";
import { Permission } from "./permission.ts";
import { Pictures } from "./pictures.ts";
import { Runner } from "./runner.ts";
import type { Sight } from "./steps/sight.ts";
import type { ReleaseNews } from "./update/news.ts";
import type { Release } from "./update/release.ts";
import { type Source, Updates } from "./update/updates.ts";

/** The version of channel.proto that is spoken. */
export const PROTOCOL_VERSION = 1;
const LOCK_WAIT_MS = 3000;
const GOODBYE_WITHIN_MS = 500;

export interface AgentOptions extends Offer {
  readonly server: ServerAddress;
  /** Other replicas, dialled in turn while the one before cannot be attached to. */
  readonly others?: readonly ServerAddress[];
  readonly stateDir: string;
  readonly desktop: Desktop;
  readonly sight: Sight;
  readonly log: AgentLog;
  /** By default read from the state directory. */
  readonly identity?: Identity;
  readonly clock?: AgentClock;
  readonly lock?: TryLock;
  readonly random?: () => number;
  readonly groups?: ProcessGroups;
  readonly redialLimits?: RedialLimits;
  /** How long a person at the mouse or keyboard has to do nothing before the agent goes on; 0: nobody is waited for. */
  readonly personQuietMs?: number | undefined;
  readonly probeTimes?: ProbeTimes;
  /** By default this agent cannot be replaced by another release. */
  readonly replaceable?: Replaceable;
}

/** What a new release has to fit, and the supervisor that would start it. */
export interface Replaceable {
  readonly executable: string;
  readonly releaseKey: Buffer;
  readonly tell: (news: ReleaseNews) => void;
}

export type AgentEnd =
  | { readonly why: "STOPPED" }
  /** It is to be started again as this release. */
  | { readonly why: "REPLACED"; readonly release: Release }
  /** Another agent has this state directory. */
  | { readonly why: "LOCKED" };

export interface RunningAgent {
  /** Says goodbye, abandons the command in hand, and resolves when all is released. Idempotent. */
  stop(): Promise<void>;
  /** Resolves when the agent has ended, for whatever reason; rejects when it could not begin. */
  readonly done: Promise<AgentEnd>;
}

export function runAgent(options: AgentOptions): RunningAgent {
  const stopping = new AbortController();
  const agent = new Agent(options, stopping);
  const done = agent.run();
  // A caller that only stops must not see an unhandled rejection; one that awaits `done` still sees it.
  done.catch(() => {});
  const ended = done.then(
    () => {},
    () => {},
  );
  return {
    done,
    stop() {
      stopping.abort();
      return ended;
    },
  };
}

class Agent {
  readonly #options: AgentOptions;
  readonly #stop: AbortController;
  readonly #stopping: AbortSignal;
  readonly #startId = randomUUID();
  readonly #outbox = new Outbox();
  readonly #artifacts = new ArtifactQueue();
  readonly #permission: Permission;
  readonly #pictures: Pictures;
  readonly #probe: DesktopProbe;
  readonly #groups: ProcessGroups;
  readonly #runner: Runner;
  readonly #updates: Updates;
  readonly #random: () => number;
  #dial: Dial | undefined;
  #dialNumber = 0n;
  /** What a grant has named, until the next assignment. */
  #grant: Release | undefined;
  #replacement: Release | undefined;

  constructor(options: AgentOptions, stop: AbortController) {
    const { desktop, sight, log, allowExec } = options;
    this.#options = options;
    this.#stop = stop;
    this.#stopping = stop.signal;
    this.#random = options.random ?? Math.random;
    this.#groups = options.groups ?? thisHost.processGroups();
    const voided = () => {
      log.warn("the machine stood still; the lease is void until the next beat is acknowledged");
      this.#dial?.beat();
    };
    const clock = options.clock ?? thisHost.clock();
    const holding = new Holding(desktop, options.personQuietMs ?? PERSON_QUIET_MS);
    this.#permission = new Permission(clock, voided, holding, () => this.#dial?.beat());
    this.#pictures = new Pictures(desktop, sight, this.#artifacts, log, () => this.#dial?.sendArtifacts());
    const found = (state: DesktopState) => {
      if (state === DesktopState.STUCK) log.warn("the desktop does not answer");
    };
    const reshaped = () => void this.#tellInventory();
    this.#probe = new DesktopProbe(desktop, options.probeTimes ?? PROBE_TIMES, found, reshaped);
    const [permission, outbox, groups] = [this.#permission, this.#outbox, this.#groups];
    this.#runner = new Runner({
      ...{ desktop, sight, permission, outbox, groups, allowExec, log },
      send: (message) => this.#dial?.send(message),
      keep: (...picture) => this.#pictures.keep(...picture),
    });
    const { stateDir, replaceable } = options;
    this.#updates = new Updates({
      ...{ stateDir, log, random: this.#random },
      running: replaceable && { ...replaceable, version: AGENT_VERSION },
      tell: (news) => replaceable?.tell(news),
      report: (value) => this.#dial?.send({ case: "releaseReport", value }),
    });
    this.#permission.onHold((cause) => {
      // The end of an attempt takes permission away as well, and is no news.
      if (cause === "LEASE_CLOCK") log.warn("the lease clock ran out; holding");
    });
  }

  async run(): Promise<AgentEnd> {
    const { stateDir, lock = thisHost.lock() } = this.#options;
    try {
      const identity = this.#options.identity ?? loadIdentity(stateDir);
      mkdirSync(stateDir, { recursive: true, mode: 0o700 });
      const held = await takeLock(lock, { stateDir, machineId: identity.machineId }, LOCK_WAIT_MS, this.#stopping);
      if (held === undefined) return { why: this.#stopping.aborted ? "STOPPED" : "LOCKED" };
      try {
        this.#probe.start();
        await this.#dialUntilStopped(identity.machineKey);
      } finally {
        held.release();
      }
      return this.#replacement === undefined ? { why: "STOPPED" } : { why: "REPLACED", release: this.#replacement };
    } finally {
      this.#probe.stop();
      this.#updates.stop();
      this.#pictures.stop();
      this.#permission.stop();
      this.#groups.endAll();
    }
  }

  async #dialUntilStopped(machineKey: string): Promise<void> {
    const { server, others = [], log, redialLimits = REDIAL_LIMITS } = this.#options;
    let elsewhere: ServerAddress[] = [];
    let failures = 0;
    while (!this.#stopping.aborted) {
      const dialNumber = ++this.#dialNumber;
      const address = elsewhere.shift() ?? inTurn(server, others, failures);
      const conversation = await this.#conversation(dialNumber, { server: address, machineKey });
      if (this.#stopping.aborted) return;
      const dial = new Dial(address, machineKey, conversation);
      this.#dial = dial;
      const leave = () => void this.#leave(dial);
      this.#stopping.addEventListener("abort", leave, { once: true });
      const end = await dial.ended;
      this.#permission.streamEnded();
      this.#stopping.removeEventListener("abort", leave);
      this.#pictures.watchHealth(0, 0);
      if (this.#stopping.aborted) return;
      const next = redial(end, failures, this.#random(), redialLimits);
      failures = next.failures;
      if (end.was === "go-away") elsewhere = next.addresses.flatMap((address) => namedAddress(address, server) ?? []);
      const code = end.was === "status" ? { code: end.code, detail: end.detail } : { code: end.was };
      log.warn("the stream ended", { ...code, dialNumber: `${dialNumber}`, delayMs: next.delayMs });
      await sleep(next.delayMs, undefined, { signal: this.#stopping }).catch(() => {});
    }
  }

  async #leave(dial: Dial): Promise<void> {
    await this.#runner.abandon("the agent stops");
    const reason = this.#replacement === undefined ? "the agent stops" : "the agent is replaced";
    await dial.goodbye(reason, GOODBYE_WITHIN_MS);
  }

  /** Ends, to come back as another release; never with an attempt in hand. The assignment that ends the last attempt may
   * be a moment behind the grant; any other one means that the grant is no more. */
  #followGrant(): void {
    if (this.#grant === undefined || this.#runner.held.attempt !== undefined) return;
    this.#replacement = this.#grant;
    this.#stop.abort();
  }

  #whole(taken: Inventory): Inventory {
    return { ...taken, executable: this.#options.replaceable?.executable ?? "" };
  }

  /** The desktop is not what it was when this was last told. Without a stream, the next dial takes it anew. */
  async #tellInventory(): Promise<void> {
    const { now, later } = await takeInventory(this.#options.desktop, this.#options);
    const taken = later === undefined ? now : await later;
    this.#dial?.send({ case: "inventory", value: this.#whole(taken) });
  }

  /** What this dial says and does. The inventory is taken now. */
  async #conversation(dialNumber: bigint, source: Source): Promise<Conversation> {
    const { now, later } = await takeInventory(this.#options.desktop, this.#options);
    const inventory = this.#whole(now);
    const incarnation = { bootId: thisHost.bootId(), startId: this.#startId, holdsLock: true };
    return {
      hello: () => {
        const { epoch, attempt } = this.#runner.held;
        const { attemptId = "", lastNumber: commandNumber = 0 } = attempt ?? {};
        const versions = { protocolVersion: PROTOCOL_VERSION, agentVersion: AGENT_VERSION };
        const { failedRelease } = this.#updates;
        const hello = { ...versions, incarnation, dialNumber, inventory, attemptId, commandNumber, epoch };
        return { ...hello, ...(failedRelease && { failedRelease }) };
      },
      welcomed: (welcome, dial) => {
        this.#options.log.info("attached", { machineId: welcome.machineId, dialNumber: `${dialNumber}` });
        this.#permission.streamBegan(welcome.stopAfterMs);
        this.#artifacts.streamBegan(welcome.artifactBytesMax);
        this.#updates.streamBegan(source);
        this.#grant = undefined;
        // On a dial that has ended meanwhile it goes nowhere; the next one takes it anew.
        void later?.then((taken) => dial.send({ case: "inventory", value: this.#whole(taken) }));
        for (const result of this.#outbox.unacknowledged()) dial.send({ case: "result", value: result });
        this.#pictures.watchHealth(welcome.healthIntervalMs, this.#random() * welcome.healthIntervalMs);
      },
      received: (message, dial) => {
        switch (message.case) {
          case "beatAck":
            this.#permission.beatAcked(message.value.number);
            return this.#updates.attached();
          case "assignment":
            this.#runner.assigned(message.value);
            this.#followGrant();
            this.#grant = undefined;
            return;
          case "wantedRelease":
            return this.#updates.wanted(message.value);
          case "releaseGrant":
            this.#grant = this.#updates.granted(message.value.version);
            return this.#followGrant();
          case "resultAck":
            return this.#outbox.acknowledged(message.value.attemptId, message.value.number);
          case "artifactAck": {
            const { artifactId, receivedBytes, refused } = message.value;
            this.#artifacts.acknowledged(artifactId, receivedBytes, refused !== "");
            return dial.sendArtifacts();
          }
        }
      },
      leaving: () => this.#permission.streamEnded(),
      beatSending: (number) => this.#permission.beatSending(number),
      holding: () => this.#permission.reason(this.#runner.busy),
      desktop: () => this.#probe.state,
      nextChunk: () => this.#artifacts.nextChunk(),
    };
  }
}

const inTurn = (first: ServerAddress, others: readonly ServerAddress[], failures: number): ServerAddress =>
  others[(failures % (others.length + 1)) - 1] ?? first;
