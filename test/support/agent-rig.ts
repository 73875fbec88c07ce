// An agent on a simulated desktop, attached to a fake server over a real socket: what most tests of the agent need.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type AgentOptions, type RunningAgent, runAgent } from "../../agent/agent.ts";
import { serverAddress } from "../../agent/connection/server-address.ts";
import { simulatedDesktop } from "../../agent/desktop/simulated.ts";
import { simulatedNotes } from "../../agent/desktop/simulated-notes.ts";
import { simulatedSight } from "../../agent/desktop/simulated-sight.ts";
import { type InputEntry, SimulatedWorld } from "../../agent/desktop/simulated-world.ts";
import { memoryLocks } from "../../agent/lock.ts";
import { type AgentLog, silentLog } from "../../agent/log.ts";
import type { AssignmentSchema, CommandSchema } from "../../proto/gen/drover/agent/v1/channel_pb.ts";
import { FakeServer, MACHINE_ID } from "./fake-server.ts";

export interface AgentRig {
  readonly server: FakeServer;
  readonly world: SimulatedWorld;
  readonly inputs: InputEntry[];
  readonly agent: RunningAgent;
  /** Starts another agent on the same world, as a restart of the process would. */
  start(changes?: Partial<AgentOptions>): RunningAgent;
  stop(): Promise<void>;
}

export interface RigOptions extends Partial<AgentOptions> {
  readonly inputLatencyMs?: number;
  readonly log?: AgentLog;
}

export async function startRig({ inputLatencyMs = 0, ...changes }: RigOptions = {}): Promise<AgentRig> {
  const server = await FakeServer.start();
  const stateDir = mkdtempSync(join(tmpdir(), "drover-agent-"));
  const inputs: InputEntry[] = [];
  const now = () => performance.now();
  const log = (entry: InputEntry) => void inputs.push(entry);
  const world = new SimulatedWorld({ machine: "one", applications: [simulatedNotes()], inputLatencyMs, log, now });
  world.launch(["mousepad"]);
  const agents: RunningAgent[] = [];
  const start = (more: Partial<AgentOptions> = {}) => {
    const agent = runAgent({
      server: serverAddress(server.url),
      stateDir,
      identity: { machineId: MACHINE_ID, machineKey: "key-1" },
      desktop: simulatedDesktop(world),
      sight: simulatedSight(),
      applications: [{ name: "notes", version: "0.5" }],
      labels: { site: "lima" },
      allowExec: new Map(),
      lock: memoryLocks(),
      log: silentLog,
      redialLimits: { firstMs: 5, longestMs: 50, resetAfterMs: 10_000, hopelessMs: 60_000 },
      ...changes,
      ...more,
    });
    agents.push(agent);
    return agent;
  };
  const agent = start();
  const stop = async () => {
    await Promise.all(agents.map((running) => running.stop()));
    server.stop();
    rmSync(stateDir, { recursive: true, force: true });
  };
  return { server, world, inputs, agent, start, stop };
}

type CommandInit = Extract<MessageInitShape<typeof CommandSchema>, { $typeName?: never }>;
type Action = NonNullable<CommandInit["action"]>;

/** An assignment of attempt `a1` on the note pad. */
export function assign(
  number: number,
  action: Action,
  more: Pick<CommandInit, "timeoutMs" | "guard" | "done" | "doneTimeoutMs" | "focus"> & {
    epoch?: bigint;
    attemptId?: string;
    abandon?: boolean;
  } = {},
): { case: "assignment"; value: MessageInitShape<typeof AssignmentSchema> } {
  const { epoch = 1n, attemptId = "a1", abandon = false, ...command } = more;
  const lease = { leaseId: `l-${attemptId}`, attemptId, application: { name: "notes", processes: ["mousepad"] } };
  return {
    case: "assignment",
    value: { epoch, abandon, lease, command: { number, timeoutMs: 5000, ...command, action } },
  };
}

export const typing = (text: string): Action => ({ case: "type", value: { text } });
export const typed = (inputs: readonly InputEntry[]) => inputs.map(({ key }) => key).join("");
