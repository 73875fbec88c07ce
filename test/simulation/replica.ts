// A simulated replica: the product's engine and agent port, in a process that can be killed, paused and stopped in good order.
// What starts it again is its supervisor, here as elsewhere.

import { listenForAgents } from "../../server/channel/server.ts";
import type { EngineContext, Log } from "../../server/engine/context.ts";
import { startEngine } from "../../server/engine/engine.ts";
import { leaseClocks } from "../../server/rules/limits.ts";
import type { ReplicaId } from "../../server/rules/names.ts";
import { otherAddresses } from "../../server/store/replicas.ts";
import type { SimulatedPostgres } from "./database.ts";
import type { Network } from "./network.ts";
import { SimulatedProcess } from "./process.ts";
import { v7 as uuid } from "./product-chance.ts";
import type { Entry } from "./record.ts";
import type { Schedule } from "./schedule.ts";
import type { Wakeups } from "./wakeups.ts";

export interface ReplicaOptions {
  readonly port: number;
  readonly schedule: Schedule;
  readonly network: Network;
  readonly postgres: SimulatedPostgres;
  readonly wakeups: Wakeups;
  readonly log: (entry: Entry) => void;
  /** What each of its passes of placing looked at, and what it decided. */
  readonly decided: NonNullable<EngineContext["onPlacing"]>;
  /** What it logs itself. */
  readonly told: (replica: string, message: string, fields: Readonly<Record<string, unknown>>) => void;
}

const host = "replica.example";

/** A supervisor waits a moment before it starts a process again that ended by itself. */
const againMs = 500;

export class SimulatedReplica {
  readonly url: string;
  readonly #options: ReplicaOptions;
  #process: SimulatedProcess | undefined;
  #context: EngineContext | undefined;
  #stop: (() => Promise<void>) | undefined;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.url = `http://${host}:${options.port}`;
  }

  get process(): SimulatedProcess | undefined {
    return this.#process?.isDead === false ? this.#process : undefined;
  }

  /** What callers reach; undefined while it does not serve. */
  get context(): EngineContext | undefined {
    return this.process === undefined ? undefined : this.#context;
  }

  start(): void {
    if (this.process !== undefined) return;
    const { schedule, port } = this.#options;
    const process = new SimulatedProcess(`replica ${port}`, schedule);
    this.#process = process;
    this.#context = undefined;
    process.run(() => {
      this.#serve(process).catch(() => {
        // It could not begin: Postgres is away.
        this.#die("closing");
        schedule.in(undefined, againMs, () => this.start());
      });
    });
  }

  /** `silently`: its host is gone, and nobody is told that the sockets are. */
  kill(how: "closing" | "silently"): void {
    if (this.process !== undefined) this.#die(how);
  }

  /** Asks it to stop in good order. */
  stop(): void {
    const { process } = this;
    if (process === undefined || this.#stop === undefined) return this.kill("closing");
    process.run(() => {
      this.#stop?.()
        .catch(() => undefined)
        .finally(() => process === this.process && this.#die("closing"));
    });
  }

  #die(how: "closing" | "silently"): void {
    const { network, wakeups, schedule, log } = this.#options;
    const process = this.#process;
    if (process === undefined) return;
    process.kill();
    wakeups.died(process);
    network.died(process, how);
    if (this.#context !== undefined) log({ at: schedule.now, is: "gone", replica: process.name });
    this.#context = undefined;
    this.#stop = undefined;
  }

  async #serve(process: SimulatedProcess): Promise<void> {
    const { port, postgres, wakeups } = this.#options;
    const blobs = new Map<string, Uint8Array>();
    const database = postgres.for(process);
    const agents = await listenForAgents({ host, port, downloadsMax: 4 });
    const replicaId = uuid() as ReplicaId;
    const engine = await startEngine({
      database,
      wakeup: wakeups.for(process),
      blobs: {
        put: async (key, content) => void blobs.set(key, content),
        get: async (key) => blobs.get(key),
        delete: async (key) => void blobs.delete(key),
        deleteAll: async (prefix) => {
          for (const key of blobs.keys()) if (key.startsWith(`${prefix}/`)) blobs.delete(key);
        },
      },
      clocks: leaseClocks,
      replicaId,
      agentAddress: this.url,
      log: this.#log(process.name),
      onPlacing: this.#options.decided,
    });
    agents.serve(engine);
    this.#context = engine.context;
    this.#options.log({ at: process.schedule.now, is: "serving", replica: process.name });
    this.#stop = async () => {
      await agents.stop(await otherAddresses(database.sql, replicaId).catch(() => []));
      await engine.stop();
    };
  }

  #log(name: string): Log {
    const tell = (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
      this.#options.told(name, message, fields);
    return { debug() {}, info: tell, warn: tell, error: tell };
  }
}
