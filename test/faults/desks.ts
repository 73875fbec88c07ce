// Machines with a real desktop each, whose one window records every key that arrives in it: what is said of an agent that
// was stopped in the middle of typing is said by the window.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { startX11Session } from "../../agent/desktop/x11-session.ts";
import type { RunHandle } from "../../sdk/index.ts";
import { openDatabase } from "../../server/postgres/connect.ts";
import { Onlooker } from "../support/onlooker.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { Machine, Product, until } from "../support/product.ts";

const recorder = resolve(import.meta.dirname, "recorder-program.ts");
const IDLE = 1;

const application = `
application: recorder
launch: { command: [xterm] }
ready: [ { window: { title: recorder, process: xterm } } ]
`;

/** `commit`: that the text was typed is the commit step itself. */
const typing = (workflow: string, commit: boolean) => `
workflow: ${workflow}
application: recorder
inputs: { type: object, required: [text], properties: { text: { type: string } } }
timeout: 4m
steps:
  - focus: { title: recorder, process: xterm }
  - { id: text, type: "\${inputs.text}", in: recorder, timeout: 2m${commit ? ", effect: commit, guard: { window: recorder }" : ""} }
  ${commit ? "" : "- { id: done, press: enter, in: recorder, effect: commit, guard: { window: recorder } }"}
result: {}
`;

export interface Key {
  readonly at: number;
  readonly key: string;
}

export class Desk {
  readonly machine: Machine;
  readonly #xServer: number;
  readonly #window: number;
  readonly #file: string;

  constructor(machine: Machine, pids: { readonly xServer: number; readonly window: number }, file: string) {
    this.machine = machine;
    this.#xServer = pids.xServer;
    this.#window = pids.window;
    this.#file = file;
  }

  get name(): string {
    return this.machine.name;
  }

  /** What its window has received. */
  keys(): Key[] {
    if (!existsSync(this.#file)) return [];
    const lines = readFileSync(this.#file, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => {
      const [at, byte] = line.split(" ").map(Number);
      return { at: at ?? 0, key: String.fromCharCode(byte ?? 0) };
    });
  }

  /** All that was typed, the Return key as a line's end. */
  text(): string {
    return this.keys()
      .map(({ key }) => (key === "\r" ? "\n" : key))
      .join("");
  }

  /** Waits until its window has received this last. */
  async received(text: string): Promise<void> {
    await until("the text has arrived", () => this.text().endsWith(text), 20_000);
  }

  signal(who: "agent" | "X server" | "application", signal: "SIGSTOP" | "SIGCONT"): void {
    const pids = { agent: this.machine.agentPid(), "X server": this.#xServer, application: this.#window };
    const pid = pids[who];
    if (pid === undefined) throw new Error(`there is no ${who}`);
    process.kill(pid, signal);
  }
}

/** X servers that this process has started. */
function xServers(): number[] {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8").split(" ").filter(Boolean);
  return children.map(Number).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("Xvfb"));
}

export interface DesksOptions {
  readonly machines: number;
  /** Added to the environment of the n-th machine's agent (from 0). */
  readonly envFor?: (machine: number) => Record<string, string>;
}

export class Desks {
  readonly product = new Product();
  readonly desks: Desk[] = [];
  readonly #database: TestDatabase;
  readonly #onlookers: Onlooker[] = [];

  private constructor(database: TestDatabase) {
    this.#database = database;
  }

  static async start(options: DesksOptions): Promise<Desks> {
    const started = new Desks(await createDatabase());
    try {
      await started.#start(options);
      return started;
    } catch (error) {
      await started.stop();
      throw error;
    }
  }

  async #start({ machines, envFor = () => ({}) }: DesksOptions): Promise<void> {
    const { product } = this;
    await product.startServers({ databaseUrl: this.#database.url });
    await product.put(application, typing("typing", false), typing("committing", true));
    const tokenFile = join(product.dir, "token");
    writeFileSync(tokenFile, (await product.client().createToken({ uses: machines })).secret, { mode: 0o600 });
    for (let i = 0; i < machines; i++) {
      const name = `vm-${i + 1}`;
      const others = xServers();
      const session = await startX11Session();
      const xServer = xServers().find((pid) => !others.includes(pid)) ?? 0;
      const file = join(product.dir, `${name}.keys`);
      const onlooker = new Onlooker(session);
      this.#onlookers.push(onlooker);
      const record = `stty raw -echo; exec ${process.execPath} --disable-warning=ExperimentalWarning ${recorder} ${file}`;
      const { pid: window } = await onlooker.show("xterm", "-T", "recorder", "-e", "sh", "-c", record);
      const machine = new Machine(
        name,
        { ...session, env: { ...session.env, ...envFor(i) } },
        join(product.dir, name),
        product.server.agentUrl,
      );
      product.machines.push(machine);
      this.desks.push(new Desk(machine, { xServer, window }, file));
      await machine.enrol(tokenFile);
      machine.run(["recorder"]);
      await until(`${name} is idle`, async () => (await product.client().machine(name)).status === IDLE, 60_000);
    }
  }

  /** Starts a run, and gives the desk where it types once it has typed so much. */
  async typing(workflow: "typing" | "committing", text: string): Promise<{ run: RunHandle; desk: Desk }> {
    const before = new Map(this.desks.map((desk) => [desk, desk.keys().length]));
    const run = await this.product.client().start(workflow, { text });
    const typed = (desk: Desk) => desk.keys().length - (before.get(desk) ?? 0);
    const desk = await until("it is in mid-text", () => this.desks.find((d) => typed(d) > text.length / 20), 30_000);
    return { run, desk };
  }

  /** Waits until a run was placed for the second time. */
  async handedOn(run: RunHandle): Promise<void> {
    for await (const event of run) if (event.kind === "PLACED" && event.attempt === 2) return;
    throw new Error("the run ended before it was handed on");
  }

  async idle(desk: Desk): Promise<void> {
    const status = async () => (await this.product.client().machine(desk.name)).status;
    await until(`${desk.name} is idle`, async () => (await status()) === IDLE, 60_000);
  }

  /** The newest epoch of a machine's leases. */
  async epoch(desk: Desk): Promise<number> {
    const sql = openDatabase(this.#database.url, { max: 1 });
    try {
      const [row] = await sql<{ epoch: string }[]>`select epoch from machines where name = ${desk.name}`;
      return Number(row?.epoch);
    } finally {
      await sql.end();
    }
  }

  async stop(): Promise<void> {
    for (const desk of this.desks) {
      // Whatever was stopped and not woken could not end.
      desk.signal("X server", "SIGCONT");
      desk.signal("application", "SIGCONT");
      if (desk.machine.agentPid() !== undefined) desk.signal("agent", "SIGCONT");
    }
    await Promise.all(this.#onlookers.map((onlooker) => onlooker.stop()));
    await this.product.stop();
    await this.#database.drop();
  }
}

/** A text of so many words, no two of them alike: nothing can be missing, doubled or moved unseen. */
export function words(from: number, count: number): string {
  return Array.from({ length: count }, (_, i) => `w${from + i}`).join(" ");
}
