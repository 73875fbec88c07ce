// The whole product as its users run it: server processes, machines (an X session each, with an agent process under its
// supervisor), and the SDK as a caller. Everything is a real process that a test may kill.

import { AssertionError } from "node:assert";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { startX11Session, type X11Session } from "../../agent/desktop/x11-session.ts";
import { createClient, type DroverClient } from "../../sdk/index.ts";
import { removeEmbeddedPostgres } from "../../server/postgres/embedded.ts";
import { createDatabase, type TestDatabase } from "./postgres.ts";
import type { WindowsMachine } from "./windows-machine.ts";

const drover = resolve(import.meta.dirname, "../../drover.ts");
const quiet = ["--disable-warning=ExperimentalWarning"];

/** Polls until `look` gives something, and gives that; throws with `what` after `timeoutMs`. */
export async function until<T>(what: string, look: () => T | Promise<T>, timeoutMs = 30_000): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== null && seen !== false) return seen;
    if (performance.now() > deadline) throw new AssertionError({ message: `not within ${timeoutMs} ms: ${what}` });
    await delay(20);
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

function start(args: readonly string[], env: NodeJS.ProcessEnv, onLine: (line: string) => void): ChildProcess {
  const child = spawn(process.execPath, [...quiet, drover, ...args], { env, stdio: ["ignore", "ignore", "pipe"] });
  let rest = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

/** `kill -9` of a process, and the wait for its end. */
export async function killHard(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await ended(child);
}

/** `kill -9` by id, for processes that this test run started indirectly. */
export function killProcess(pid: number): void {
  process.kill(pid, "SIGKILL");
}

/** The postmaster of a server's embedded database. */
export async function postgresPid(server: ServerProcess): Promise<number> {
  const line = server.log.findLast((entry) => /\(process \d+\)/.test(entry));
  const pid = Number(line?.match(/\(process (\d+)\)/)?.[1]);
  if (!(pid > 0)) throw new Error("the server's log does not name its postmaster");
  return pid;
}

export class ServerProcess {
  readonly apiPort: number;
  readonly agentPort: number;
  readonly dir: string;
  readonly log: string[] = [];
  readonly #env: NodeJS.ProcessEnv;
  readonly #more: readonly string[];
  #child: ChildProcess | undefined;

  constructor(
    dir: string,
    ports: { api: number; agent: number },
    env: NodeJS.ProcessEnv,
    more: readonly string[] = [],
  ) {
    this.#more = more;
    this.dir = dir;
    this.apiPort = ports.api;
    this.agentPort = ports.agent;
    this.#env = env;
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${this.apiPort}`;
  }

  get agentUrl(): string {
    return `http://127.0.0.1:${this.agentPort}`;
  }

  /** Starts the process and resolves when it serves. */
  async start(): Promise<void> {
    const ports = ["--port", `${this.apiPort}`, "--agent-port", `${this.agentPort}`];
    const from = this.log.length;
    const child = start(
      ["server", "--data", this.dir, ...ports, ...this.#more],
      { ...process.env, ...this.#env },
      (line) => this.log.push(line),
    );
    this.#child = child;
    await until(
      "the server serves",
      () => {
        if (child.exitCode !== null) throw new Error(`the server ended: ${this.log.slice(from).join("\n")}`);
        return this.log.slice(from).some((line) => line.includes('"msg":"serving"'));
      },
      60_000,
    );
  }

  async kill(): Promise<void> {
    if (this.#child !== undefined) await killHard(this.#child);
  }

  async stop(): Promise<void> {
    this.#child?.kill("SIGTERM");
    if (this.#child !== undefined) await ended(this.#child);
  }

  adminKey(): string {
    return readFileSync(join(this.dir, "admin.key"), "utf8").trim();
  }
}

export class Machine {
  readonly name: string;
  readonly session: X11Session;
  readonly log: string[] = [];
  readonly #stateDir: string;
  readonly #agentUrl: string;
  #supervisor: ChildProcess | undefined;

  constructor(name: string, session: X11Session, stateDir: string, agentUrl: string) {
    this.name = name;
    this.session = session;
    this.#stateDir = stateDir;
    this.#agentUrl = agentUrl;
  }

  get #env(): NodeJS.ProcessEnv {
    const { DROVER_TEST_RUN, NODE_COMPILE_CACHE } = process.env;
    return { ...this.session.env, DROVER_TEST_RUN, NODE_COMPILE_CACHE };
  }

  async enrol(tokenFile: string): Promise<void> {
    const where = ["--server", this.#agentUrl, "--state", this.#stateDir];
    const child = start(
      ["agent", "enrol", ...where, "--token-file", tokenFile, "--name", this.name],
      this.#env,
      (line) => this.log.push(line),
    );
    await ended(child);
    if (child.exitCode !== 0) throw new Error(`enrolling ${this.name} failed: ${this.log.join("\n")}`);
  }

  /** By default nobody is waited for: what an onlooker types and clicks prepares a test. */
  run(applications: readonly string[], allowExec: Readonly<Record<string, string>> = {}, personQuietSeconds = 0): void {
    const allowed = Object.entries(allowExec).flatMap(([name, path]) => ["--allow-exec", `${name}=${path}`]);
    const person = ["--person-quiet", `${personQuietSeconds}`];
    const offers = [...applications.flatMap((name) => ["--application", name]), ...allowed, ...person];
    const where = ["--server", this.#agentUrl, "--state", this.#stateDir];
    this.#supervisor = start(["agent", "run", ...where, ...offers, "--log-json"], this.#env, (line) =>
      this.log.push(line),
    );
  }

  /** The agent's own process, under its supervisor. */
  agentPid(): number | undefined {
    const pid = this.#supervisor?.pid;
    if (pid === undefined) return undefined;
    try {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
      return children
        .map(Number)
        .find((child) => readFileSync(`/proc/${child}/cmdline`, "utf8").includes("--unsupervised"));
    } catch {
      return undefined;
    }
  }

  async stop(): Promise<void> {
    this.#supervisor?.kill("SIGTERM");
    if (this.#supervisor !== undefined) await ended(this.#supervisor);
    await this.session.stop();
  }
}

export interface ProductOptions {
  readonly machines: number;
  /** Wine sessions with the agent's executable, beside those. */
  readonly windowsMachines?: number;
  readonly applications: readonly string[];
  /** What `exec` may start on the machines: name to path. */
  readonly allowExec?: Readonly<Record<string, string>>;
  readonly personQuietSeconds?: number;
  /** An external Postgres. Without it, it is the test run's where there is one, and else the servers' own. */
  readonly databaseUrl?: string;
  /** The servers run their own Postgres, which a test may kill. It takes longer to start. */
  readonly embeddedPostgres?: boolean;
  readonly replicas?: number;
  /** More of the command line of `drover server`. */
  readonly serverOptions?: readonly string[];
  /** What the n-th machine (from 0) is told to dial; without it, the first replica. */
  readonly agentUrlFor?: (servers: readonly ServerProcess[], machine: number) => string | Promise<string>;
}

export class Product {
  readonly dir = mkdtempSync(join(tmpdir(), "drover-product-"));
  readonly servers: ServerProcess[] = [];
  readonly machines: Machine[] = [];
  readonly windowsMachines: WindowsMachine[] = [];
  readonly #clients: DroverClient[] = [];
  #database: TestDatabase | undefined;

  get server(): ServerProcess {
    const [server] = this.servers;
    if (server === undefined) throw new Error("the product has no server");
    return server;
  }

  machine(name: string): Machine {
    const machine = this.machines.find((m) => m.name === name);
    if (machine === undefined) throw new Error(`there is no machine ${name}`);
    return machine;
  }

  windowsMachine(name: string): WindowsMachine {
    const machine = this.windowsMachines.find((m) => m.name === name);
    if (machine === undefined) throw new Error(`there is no Windows machine ${name}`);
    return machine;
  }

  client(server: ServerProcess | readonly ServerProcess[] = this.server): DroverClient {
    const url = server instanceof ServerProcess ? server.apiUrl : server.map((s) => s.apiUrl);
    const client = createClient({ url, key: this.server.adminKey() });
    this.#clients.push(client);
    return client;
  }

  async startServers(
    options: Pick<ProductOptions, "databaseUrl" | "embeddedPostgres" | "replicas" | "serverOptions">,
  ): Promise<void> {
    if (!options.embeddedPostgres && process.env["DROVER_TEST_DATABASE_URL"] !== undefined) {
      if (options.databaseUrl === undefined) this.#database = await createDatabase();
    }
    const env = { DATABASE_URL: options.databaseUrl ?? this.#database?.url };
    for (let i = 0; i < (options.replicas ?? 1); i++) {
      const ports = { api: await freePort(), agent: await freePort() };
      const server = new ServerProcess(join(this.dir, "data"), ports, env, options.serverOptions);
      this.servers.push(server);
      await server.start();
    }
  }

  async startMachines(options: ProductOptions): Promise<void> {
    const client = this.client();
    const { windowsMachines = 0 } = options;
    const uses = options.machines + windowsMachines;
    const tokenFile = join(this.dir, "token");
    writeFileSync(tokenFile, (await client.createToken({ uses })).secret, { mode: 0o600 });
    await Promise.all([
      this.#startWindowsMachines(windowsMachines, tokenFile, options.applications),
      ...Array.from({ length: options.machines }, async (_, i) => {
        const name = `vm-${i + 1}`;
        const agentUrl = (await options.agentUrlFor?.(this.servers, i)) ?? this.server.agentUrl;
        const session = await startX11Session();
        const machine = new Machine(name, session, join(this.dir, name), agentUrl);
        this.machines.push(machine);
        await machine.enrol(tokenFile);
        machine.run(options.applications, options.allowExec, options.personQuietSeconds);
      }),
    ]);
    for (const { name } of [...this.machines, ...this.windowsMachines]) {
      await until(`${name} is idle`, async () => (await client.machine(name)).status === 1, 60_000);
    }
  }

  async #startWindowsMachines(count: number, tokenFile: string, applications: readonly string[]): Promise<void> {
    if (count === 0) return;
    // Only here: building the executable is nothing for tests that do not need it.
    const { WindowsMachine } = await import("./windows-machine.ts");
    const { agentUrl } = this.server;
    await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const name = `win-${i + 1}`;
        const stateDir = join(this.dir, name);
        this.windowsMachines.push(await WindowsMachine.start({ name, stateDir, agentUrl, tokenFile, applications }));
      }),
    );
  }

  async put(...definitions: readonly string[]): Promise<void> {
    const client = this.client();
    for (const source of definitions) {
      if (/^application:/m.test(source) && !/^workflow:/m.test(source)) await client.putApplication(source);
      else await client.putWorkflow(source);
    }
  }

  /** The run's events so far, a line each: what a failed test prints. */
  async tell(runId: string, server: ServerProcess = this.server): Promise<string> {
    const events: string[] = [];
    const giveUp = AbortSignal.timeout(1_000);
    try {
      for await (const { wire: _, at, ...event } of this.client(server).run(runId).events({ signal: giveUp })) {
        events.push(`${at.toISOString()} ${JSON.stringify(event)}`);
      }
    } catch (error) {
      if (!giveUp.aborted) events.push(String(error));
    }
    return events.join("\n");
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await Promise.all([...this.machines, ...this.windowsMachines].map((machine) => machine.stop()));
    for (const server of this.servers) await server.stop();
    await removeEmbeddedPostgres(join(this.dir, "data", "postgres"));
    await this.#database?.drop();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

export async function startProduct(options: ProductOptions): Promise<Product> {
  const product = new Product();
  try {
    await product.startServers(options);
    await product.startMachines(options);
    return product;
  } catch (error) {
    await product.stop();
    throw error;
  }
}
