// Many simulated machines in the test's own process, attached to a real server, with all that arrives at their desktops.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningAgent, runAgent } from "../../agent/agent.ts";
import { enrol } from "../../agent/connection/enrolment.ts";
import { serverAddress } from "../../agent/connection/server-address.ts";
import { simulatedDesktop } from "../../agent/desktop/simulated.ts";
import { simulatedNotes } from "../../agent/desktop/simulated-notes.ts";
import { simulatedSight } from "../../agent/desktop/simulated-sight.ts";
import { type InputEntry, SimulatedWorld } from "../../agent/desktop/simulated-world.ts";
import { memoryLocks } from "../../agent/lock.ts";
import { silentLog } from "../../agent/log.ts";
import type { Product } from "./product.ts";

export class SimulatedFleet {
  readonly worlds: SimulatedWorld[] = [];
  /** What arrived at each machine's desktop, by its name. */
  readonly inputs = new Map<string, InputEntry[]>();
  readonly #agents: RunningAgent[] = [];
  readonly #stateDir = mkdtempSync(join(tmpdir(), "drover-fleet-"));

  async enrol(product: Product, machines: number, inputLatencyMs: number): Promise<void> {
    const { secret } = await product.client().createToken({ uses: machines });
    const server = serverAddress(product.server.agentUrl);
    const lock = memoryLocks();
    for (let i = 0; i < machines; i++) {
      const name = `simulated-${i}`;
      const dir = join(this.#stateDir, name);
      await enrol({ server, token: secret, name, stateDir: dir });
      const entries: InputEntry[] = [];
      this.inputs.set(name, entries);
      const log = (entry: InputEntry) => void entries.push(entry);
      const world = new SimulatedWorld({ machine: name, applications: [simulatedNotes()], inputLatencyMs, log });
      this.worlds.push(world);
      this.#agents.push(
        runAgent({
          ...{ server, stateDir: dir, lock, log: silentLog, sight: simulatedSight(), desktop: simulatedDesktop(world) },
          applications: [{ name: "mousepad", version: "" }],
          labels: {},
          allowExec: new Map(),
        }),
      );
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.stop()));
    rmSync(this.#stateDir, { recursive: true, force: true });
  }
}
