// A machine that is simulated in the test's own process, attached to a real server. It costs next to nothing, it carries
// runs out to their end, and a test may look into its world and change it: a run that is held goes on when the test says.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runAgent } from "../../agent/agent.ts";
import { enrol } from "../../agent/connection/enrolment.ts";
import { serverAddress } from "../../agent/connection/server-address.ts";
import { simulatedDesktop } from "../../agent/desktop/simulated.ts";
import { simulatedNotes } from "../../agent/desktop/simulated-notes.ts";
import { simulatedSight } from "../../agent/desktop/simulated-sight.ts";
import { SimulatedWorld } from "../../agent/desktop/simulated-world.ts";
import { memoryLocks } from "../../agent/lock.ts";
import { silentLog } from "../../agent/log.ts";
import { type Product, until } from "./product.ts";

/** The simulated editor. */
export const simulatedMousepad = `
application: mousepad
launch: { command: [mousepad] }
ready: [ { window: { title: "*Mousepad", process: mousepad } } ]
`;

const released = "a window that says go on";

/** Types a note and saves it. `held`: it stays in the step `held`, after the text was typed, until `release`. */
export const simulatedNote = (workflow: string, { held = false } = {}) => `
workflow: ${workflow}
application: mousepad
inputs: { type: object, required: [path, text], properties: { path: { type: string }, text: { type: string } } }
outputs: { type: object, properties: { path: { type: string } } }
timeout: 4m
steps:
  - focus: { title: "*Mousepad", process: mousepad }
  - { type: "\${inputs.text}", in: "*Mousepad" }
  ${held ? `- { id: held, wait: { window: "${released}", for: 2m } }` : ""}
  - { press: ctrl+s, in: "*Mousepad" }
  - wait: { window: Save As, for: 10s }
  - { press: ctrl+a, in: Save As }
  - { type: "\${inputs.path}", in: Save As }
  - { id: save, press: enter, in: Save As, effect: commit, guard: { window: Save As }, done: { window: Save As, absent: true } }
  - { press: ctrl+a, in: "*Mousepad" }
result: { path: "\${inputs.path}" }
`;

export class SimulatedMachine {
  readonly name: string;
  readonly world: SimulatedWorld;
  /** The machine's own key, as a thief or a cloned disk would have it. */
  readonly key: string;
  readonly #end: () => Promise<void>;
  readonly #signs: string[] = [];

  constructor(name: string, world: SimulatedWorld, key: string, end: () => Promise<void>) {
    this.name = name;
    this.world = world;
    this.key = key;
    this.#end = end;
  }

  /** Lets the held run go on. */
  release(): void {
    const editor = this.world.active;
    const sign = this.world.open({ title: released, process: "sign" });
    // It is seen behind the editor, which keeps the keyboard.
    if (editor !== undefined) this.world.raise(editor.id);
    this.#signs.push(sign.id);
  }

  /** Takes the signs to go on away: the next run is held again. */
  holdNext(): void {
    for (const sign of this.#signs.splice(0)) this.world.remove(sign);
  }

  async stop(): Promise<void> {
    await this.#end();
  }
}

/** Enrols a machine by a token of its own; resolves when it is idle. */
export async function attachSimulated(product: Product, name: string): Promise<SimulatedMachine> {
  const client = product.client();
  const stateDir = mkdtempSync(join(tmpdir(), "drover-simulated-"));
  const server = serverAddress(product.server.agentUrl);
  const { secret } = await client.createToken();
  const { machineKey } = await enrol({ server, token: secret, name, stateDir });
  const world = new SimulatedWorld({ machine: name, applications: [simulatedNotes()] });
  const agent = runAgent({
    ...{ server, stateDir, lock: memoryLocks(), log: silentLog },
    ...{ sight: simulatedSight(), desktop: simulatedDesktop(world) },
    applications: [{ name: "mousepad", version: "" }],
    labels: {},
    allowExec: new Map(),
  });
  const machine = new SimulatedMachine(name, world, machineKey, async () => {
    await agent.stop();
    rmSync(stateDir, { recursive: true, force: true });
  });
  await until(`${name} is idle`, async () => (await client.machine(name)).status === 1);
  return machine;
}
