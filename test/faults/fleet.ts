// A fleet of processes: replicas on one external Postgres, and machines (`machine-program.ts`), for tests that kill, pause and
// cut them. A machine's addresses are turned, so that a third of three replicas' machines prefer each of them.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { enrol } from "../../agent/connection/enrolment.ts";
import { serverAddress } from "../../agent/connection/server-address.ts";
import { nameOf, Outcome, type RunEvent, type RunHandle } from "../../sdk/index.ts";
import { type ExternalPostgres, startExternalPostgres } from "../support/external-postgres.ts";
import { freePort, Product, ServerProcess, until } from "../support/product.ts";
import { simulatedMousepad } from "../support/simulated-machine.ts";
import { assertGapless } from "../support/watched-run.ts";
import { type JournalEntry, type Note, noteWorkflow, readJournal } from "./journal.ts";

const program = resolve(import.meta.dirname, "machine-program.ts");
const IDLE = 1;
const startedAtOnce = 4;

export class MachineProcess {
  readonly name: string;
  /** What its agent says. */
  log = "";
  readonly #stateDir: string;
  readonly #journal: string;
  #child: ChildProcess | undefined;

  constructor(name: string, dir: string) {
    this.name = name;
    this.#stateDir = join(dir, name);
    this.#journal = join(dir, `${name}.journal`);
  }

  async enrol(agentUrl: string, token: string): Promise<void> {
    await enrol({ server: serverAddress(agentUrl), token, name: this.name, stateDir: this.#stateDir });
  }

  run(addresses: string, inputMs: number): void {
    const args = [
      "--disable-warning=ExperimentalWarning",
      program,
      this.#stateDir,
      addresses,
      this.#journal,
      `${inputMs}`,
    ];
    this.#child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.log += text;
    });
  }

  get #pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.name} does not run`);
    return this.#child.pid;
  }

  /** Its process stands still; its sockets stay open. */
  pause(): void {
    process.kill(this.#pid, "SIGSTOP");
  }

  wake(): void {
    process.kill(this.#pid, "SIGCONT");
  }

  get alive(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.alive) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** Times of the agent's log lines that say this. */
  said(message: "attached" | "the stream ended"): number[] {
    const lines = this.log.split("\n").filter((line) => line.includes(`"message":"${message}"`));
    return lines.map((line) => Date.parse((JSON.parse(line) as { time: string }).time));
  }

  /** What its desktop has received so far. */
  journal(): JournalEntry[] {
    return readJournal(this.#journal);
  }
}

export interface FleetOptions {
  readonly replicas: number;
  readonly machines: number;
  /** How long each key takes. */
  readonly inputMs: number;
  /** How the n-th replica (from 0) reaches the database; without it, as all do. */
  readonly databaseUrlFor?: (databaseUrl: string, replica: number) => string | Promise<string>;
  /** What the n-th machine dials, with commas; without it, all replicas in turn. */
  readonly addressesFor?: (servers: readonly ServerProcess[], machine: number) => string | Promise<string>;
}

export class Fleet {
  readonly product = new Product();
  readonly postgres: ExternalPostgres;
  readonly machines: MachineProcess[] = [];
  readonly #options: FleetOptions;

  private constructor(postgres: ExternalPostgres, options: FleetOptions) {
    this.postgres = postgres;
    this.#options = options;
  }

  static async start(options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(await startExternalPostgres(), options);
    try {
      await fleet.#startReplicas();
      await fleet.#startMachines();
      await fleet.product.put(simulatedMousepad, noteWorkflow);
      return fleet;
    } catch (error) {
      await fleet.stop();
      throw error;
    }
  }

  get servers(): readonly ServerProcess[] {
    return this.product.servers;
  }

  machine(name: string): MachineProcess {
    const machine = this.machines.find((m) => m.name === name);
    if (machine === undefined) throw new Error(`there is no machine ${name}`);
    return machine;
  }

  async #startReplicas(): Promise<void> {
    const { replicas, databaseUrlFor = (url) => url } = this.#options;
    for (let i = 0; i < replicas; i++) {
      const ports = { api: await freePort(), agent: await freePort() };
      const env = { DATABASE_URL: await databaseUrlFor(this.postgres.url, i) };
      const server = new ServerProcess(join(this.product.dir, "data"), ports, env);
      this.product.servers.push(server);
      await server.start();
    }
  }

  async #startMachines(): Promise<void> {
    const { machines, addressesFor = inTurn } = this.#options;
    const { secret } = await this.product.client().createToken({ uses: machines });
    for (let i = 0; i < machines; i++) {
      const machine = await this.#startMachine(await addressesFor(this.servers, i), secret);
      // All at once would leave the replicas no processor to serve with.
      if (i % startedAtOnce === 0) await until("it attaches", () => machine.said("attached").length > 0, 60_000);
    }
    await until("every machine is idle", () => this.allIdle(), 120_000);
  }

  async #startMachine(addresses: string, token: string): Promise<MachineProcess> {
    const machine = new MachineProcess(`vm-${this.machines.length + 1}`, this.product.dir);
    this.machines.push(machine);
    await machine.enrol(this.product.server.agentUrl, token);
    machine.run(addresses, this.#options.inputMs);
    return machine;
  }

  /** One more machine, once it is idle. */
  async addMachine(addresses: string): Promise<MachineProcess> {
    const client = this.product.client();
    const machine = await this.#startMachine(addresses, (await client.createToken()).secret);
    await until(`${machine.name} is idle`, async () => (await client.machine(machine.name)).status === IDLE);
    return machine;
  }

  /** Every machine that was not killed, as the first replica tells it. */
  async allIdle(): Promise<boolean> {
    const idle = new Set<string>();
    for await (const { name, status } of this.product.client().machines()) if (status === IDLE) idle.add(name);
    return this.machines.filter((machine) => machine.alive).every(({ name }) => idle.has(name));
  }

  /** Starts a run for each note, at any replica that answers. May be repeated: the note's path is the key. */
  async startRuns(notes: readonly Note[], workflow = "note"): Promise<RunHandle[]> {
    const client = this.product.client(this.servers);
    const answers = await client.startMany(
      notes.map((inputs) => ({ workflow, inputs: { ...inputs }, idempotencyKey: inputs.path })),
    );
    return answers.map((answer) => {
      if (!("started" in answer)) throw new Error("a run was refused");
      return answer.started;
    });
  }

  /** Waits until so many machines have received at least so many keys each. */
  async typing(count: number, keys: number): Promise<void> {
    const enough = () => this.machines.filter((machine) => machine.journal().length >= keys).length >= count;
    await until(`${count} machines have typed ${keys} keys`, enough, 120_000);
  }

  journals(): Map<string, JournalEntry[]> {
    return new Map(this.machines.map((machine) => [machine.name, machine.journal()]));
  }

  /** What the machines log; for a test that failed. */
  tell(): string {
    const logs = [
      ...this.servers.map(({ log }) => log.slice(-20).join("\n")),
      ...this.machines.map(({ log }) => log.slice(-400)),
    ];
    return logs.join("\n");
  }

  async stop(): Promise<void> {
    await Promise.all(this.machines.map((machine) => machine.kill()));
    // A replica that was killed with its database would wait for it.
    await this.postgres.up();
    await this.product.stop();
    await this.postgres.stop();
  }
}

function inTurn(servers: readonly ServerProcess[], machine: number): string {
  const first = machine % servers.length;
  return [...servers.slice(first), ...servers.slice(0, first)].map(({ agentUrl }) => agentUrl).join(",");
}

/** All events of runs, each read to its run's end. */
export async function followAll(runs: readonly RunHandle[]): Promise<RunEvent[][]> {
  return Promise.all(
    runs.map(async (run) => {
      const events: RunEvent[] = [];
      for await (const event of run) events.push(event);
      return events;
    }),
  );
}

/** How runs ended: each that did not end SUCCEEDED, with what became of its attempts; and how many attempts each took. */
export async function endsOf(runs: readonly RunHandle[]) {
  const ended = await Promise.all(runs.map((run) => run.refresh()));
  const toldOf = ({ outcome, attempts }: (typeof ended)[number]) =>
    [nameOf(Outcome, outcome), ...attempts.map(({ failure }) => failure?.category ?? "")].join(" ");
  return {
    notSucceeded: ended.filter(({ outcome }) => outcome !== Outcome.SUCCEEDED).map(toldOf),
    attempts: ended.map(({ attempts }) => attempts.length),
  };
}

/** G8: numbered from 1, none missing, none twice. */
export function assertAllGapless(all: readonly (readonly RunEvent[])[]): void {
  for (const events of all) assertGapless(events);
}
