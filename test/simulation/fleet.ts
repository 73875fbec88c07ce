// One simulation: three replicas, a fleet of machines and their callers on a real Postgres, from a seed.
//
// Product code runs as it is: rules, engine, agent port and store on one side, the whole agent on the other, between them the
// product's own messages as bytes. What is simulated is what it stands on: time and chance (`loading.ts`), the network
// (`network.ts`), when Postgres is reached (`database.ts`), wake-ups, desktops. Everything happens in one order, which follows
// from the seed: one event at a time, and the next one when the last has come to rest.
//
// What cannot be found here: two transactions that overlap in time (each is carried out at one instant; the tests of races are
// `test/server/engine/races.test.ts`), and faults of the libraries that are replaced (grpc-js, the LISTEN connection).

import { createCatalogue } from "../../server/engine/catalogue.ts";
import type { EngineContext } from "../../server/engine/context.ts";
import { putApplication, putWorkflow } from "../../server/engine/defining.ts";
import { createEnrolmentToken, enrol } from "../../server/engine/enrolling.ts";
import { createInterpreters } from "../../server/engine/interpreters.ts";
import { silentMeter } from "../../server/engine/meter.ts";
import { leaseClocks } from "../../server/rules/limits.ts";
import type { ReplicaId, TenantId } from "../../server/rules/names.ts";
import { openStore } from "../../server/store/database.ts";
import { Callers } from "./callers.ts";
import { Calls } from "./calls.ts";
import { Chance } from "./chance.ts";
import { SimulatedPostgres } from "./database.ts";
import { readFacts } from "./facts.ts";
import { type FaultKind, Faults } from "./faults.ts";
import { connectProduct } from "./grpc.ts";
import { SimulatedMachine } from "./machine.ts";
import { Network } from "./network.ts";
import { Operators } from "./operators.ts";
import { SimulatedProcess } from "./process.ts";
import { seedProduct, v7 as uuid } from "./product-chance.ts";
import type { Entry, Offer, SimulationRecord } from "./record.ts";
import { SimulatedReplica } from "./replica.ts";
import { Schedule } from "./schedule.ts";
import { Wakeups } from "./wakeups.ts";
import { ledgerSource, workflowSources } from "./workflows.ts";

export interface SimulationOptions {
  readonly seed: number;
  readonly runs: number;
  /** The kinds of faults; without it, the seed chooses. */
  readonly faults?: readonly FaultKind[];
  /** A database of its own, migrated, with the simulated clock. */
  readonly databaseUrl: string;
  /** What replicas log, for who looks into a failure. */
  readonly told?: (at: number, replica: string, message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** What each pass of placing looked at, and what it decided. */
  readonly decided?: NonNullable<EngineContext["onPlacing"]>;
}

export interface Simulated {
  readonly record: SimulationRecord;
  /** Calls of Postgres. */
  readonly calls: number;
}

export async function simulate(options: SimulationOptions): Promise<Simulated> {
  const database = openStore(options.databaseUrl, { connectionsMax: 1 });
  const chance = new Chance(`seed ${options.seed}`);
  const schedule = new Schedule(chance.fork("schedule"));
  // A promise that nobody looks after would end a replica, or an agent.
  const unhandled = (error: unknown) => (schedule.failure ??= error);
  process.on("unhandledRejection", unhandled);
  try {
    const postgres = new SimulatedPostgres(database, schedule, chance.fork("postgres"));
    const fleet = new Fleet(options, chance, schedule, postgres);
    await fleet.run();
    const { entries, wakeupsLost } = fleet;
    const record = { entries, wakeupsLost, ...(await readFacts(database)), endedAt: schedule.now };
    return { record, calls: postgres.calls };
  } finally {
    process.off("unhandledRejection", unhandled);
    await database.stop();
  }
}

/** Faults go on for a while when nobody asks for anything any more, and find what is not done yet. */
const stragglersMs = 10_000;

class Fleet {
  readonly entries: Entry[] = [];
  readonly #options: SimulationOptions;
  readonly #chance: Chance;
  readonly #schedule: Schedule;
  readonly #postgres: SimulatedPostgres;
  readonly #network: Network;
  readonly #wakeups: Wakeups;
  readonly #replicas: SimulatedReplica[];
  readonly #machines: SimulatedMachine[] = [];
  readonly #books = new Set<string>();

  constructor(options: SimulationOptions, chance: Chance, schedule: Schedule, postgres: SimulatedPostgres) {
    this.#options = options;
    this.#chance = chance;
    this.#schedule = schedule;
    this.#postgres = postgres;
    this.#network = new Network(schedule, chance.fork("network"), (machine, { halted, lease }) => {
      const attempt = lease?.attemptId ?? "";
      if (halted) this.entries.push({ at: schedule.now, is: "halting", machine, attempt });
    });
    const lossRate = chance.pick([0, 0.01, 0.2]);
    this.#wakeups = new Wakeups(schedule, chance.fork("wake-ups"), lossRate, () => postgres.isAway);
    seedProduct(chance.fork("product"));
    connectProduct(this.#network);
    this.#replicas = [1, 2, 3].map(
      (number) =>
        new SimulatedReplica({
          ...{ port: 7400 + number, schedule, network: this.#network, postgres, wakeups: this.#wakeups },
          log: (entry) => void this.entries.push(entry),
          told: (replica, message, fields) => options.told?.(schedule.now, replica, message, fields),
          decided: (facts, placements) => options.decided?.(facts, placements),
        }),
    );
  }

  get wakeupsLost(): boolean {
    return this.#wakeups.areLost;
  }

  async run(): Promise<void> {
    const tenantId = await this.#define();
    for (const replica of this.#replicas) replica.start();
    for (const machine of this.#machines) machine.start();
    const schedule = this.#schedule;
    const workflows = workflowSources.map((source) => /workflow: (\S+)/.exec(source)?.[1] ?? "");
    const log = (entry: Entry) => void this.entries.push(entry);
    const clients = (name: string) => {
      const chance = this.#chance.fork(name);
      return { schedule, chance, calls: new Calls(schedule, chance, this.#replicas), tenantId, workflows, log };
    };
    const callers = new Callers({ ...clients("callers"), cancelRate: 0.03, hurryRate: 0.05, laterRate: 0.08 });
    const operators = new Operators({ ...clients("operators"), accepted: callers.accepted });
    const { runs, faults: only } = this.#options;
    const overMs = Math.max(15_000, (runs * 1500) / this.#machines.length);
    callers.ask(runs, overMs);
    const faults = new Faults({
      ...{ schedule, chance: this.#chance.fork("faults"), network: this.#network, operators, log, only },
      ...{ postgres: this.#postgres, wakeups: this.#wakeups, replicas: this.#replicas, machines: this.#machines },
    });
    faults.begin(schedule.now + overMs + stragglersMs);
    await schedule.run(schedule.now + overMs, () => false);
    await this.#untilEnded(callers);
  }

  /** Until every run has ended, or should have by far. */
  async #untilEnded(callers: Callers): Promise<void> {
    const limitMs = this.#schedule.now + 10 * 60_000;
    const process = new SimulatedProcess("onlooker", this.#schedule);
    const { sql } = this.#postgres.for(process);
    let ended = false;
    const look = async () => {
      // Postgres may be away: then it is not known.
      const rows = await sql`select 1 from runs where state <> 'ended' limit 1`.catch(() => [undefined]);
      ended = rows.length === 0 && callers.open.size === 0;
      this.#schedule.in({ process }, 1_000, () => void look());
    };
    this.#schedule.in({ process }, 0, () => void look());
    await this.#schedule.run(limitMs, () => ended);
  }

  /** A tenant, what its runs do, and its machines. */
  async #define(): Promise<TenantId> {
    const process = new SimulatedProcess("setup", this.#schedule);
    const database = this.#postgres.for(process);
    const tenantId = process.run(uuid) as TenantId;
    const context: EngineContext = {
      ...{
        database,
        wakeup: this.#wakeups.for(process),
        clocks: leaseClocks,
        replicaId: process.run(uuid) as ReplicaId,
      },
      ...{
        interpreters: createInterpreters(),
        catalogue: createCatalogue(),
        meter: silentMeter,
        log: { debug() {}, info() {}, warn() {}, error() {} },
      },
      blobs: { put: async () => {}, get: async () => undefined, delete: async () => {}, deleteAll: async () => {} },
    };
    const define = async () => {
      await database.sql`insert into tenants (id, name, created_at) values (${tenantId}, 'one', clock_timestamp())`;
      const source = { source: ledgerSource, files: {}, checkOnly: false };
      const answers = [await putApplication(context, tenantId, source)];
      for (const workflow of workflowSources) {
        answers.push(await putWorkflow(context, tenantId, { ...source, source: workflow }));
      }
      for (const answer of answers) if (!answer.ok) throw new Error(JSON.stringify(answer.refusal));
      const count = this.#chance.between(8, 24);
      const wanted = { pool: "default", uses: count, lifetimeMs: 60_000 };
      const { secret } = await createEnrolmentToken(context, tenantId, wanted);
      // Most have the newer version, and half of them are in the north: a third is all that some workflow can be on.
      for (let number = 1; number <= count; number++) {
        const offer = { version: number % 3 === 0 ? "1.4" : "2.1", site: number % 2 === 0 ? "north" : "south" };
        await this.#enrol(context, secret, `vm-${number}`, offer);
      }
    };
    let done = false;
    process.run(() => {
      define().then(
        () => (done = true),
        (error) => (this.#schedule.failure = error),
      );
    });
    await this.#schedule.run(60_000, () => done);
    return tenantId;
  }

  async #enrol(context: EngineContext, token: string, name: string, offer: Offer): Promise<void> {
    const enrolled = await enrol(context, token, name);
    if (enrolled.is !== "enrolled") throw new Error(`${name} could not be enrolled`);
    this.#machines.push(
      new SimulatedMachine({
        ...{ name, id: enrolled.machineId, key: enrolled.machineKey, schedule: this.#schedule },
        ...{ chance: this.#chance.fork(name), network: this.#network, books: this.#books, offer },
        servers: this.#replicas.map((replica) => replica.url),
        log: (entry) => void this.entries.push(entry),
      }),
    );
  }
}
