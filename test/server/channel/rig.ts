// A whole agent port: listener, engine with its loops and short clocks, and machines whose agents are fakes.

import { after, type TestContext } from "node:test";
import { v7 as uuid } from "uuid";
import { type AgentListener, listenForAgents } from "../../../server/channel/server.ts";
import { type Engine, startEngine } from "../../../server/engine/engine.ts";
import type { ReplicaId } from "../../../server/rules/names.ts";
import { type Database, openStore } from "../../../server/store/database.ts";
import { FakeAgent } from "../../support/fake-agent.ts";
import { memoryBlobs, type Rig, silentLog, startRig, TestMachine } from "../engine/rig.ts";

/** Short, and long enough for two busy cores. */
export const clocks = { beatMs: 400, agentStopMs: 1_200, takeoverMs: 2_000, replicaRenewMs: 150, replicaEndMs: 1_800 };

export interface Port {
  readonly engine: Engine;
  readonly agents: AgentListener;
  readonly blobs: ReturnType<typeof memoryBlobs>;
  /** This replica's own connections. */
  readonly database: Database;
  stop(addresses?: readonly string[]): Promise<void>;
}

export async function startPort(rig: Rig): Promise<Port> {
  const database = openStore(rig.databaseUrl, { connectionsMax: 8 });
  const agents = await listenForAgents({ host: "127.0.0.1", port: 0, downloadsMax: 2 });
  const blobs = memoryBlobs();
  const engine = await startEngine({
    database,
    wakeup: rig.wakeup,
    blobs,
    clocks,
    replicaId: uuid() as ReplicaId,
    agentAddress: `http://127.0.0.1:${agents.port}`,
    log: silentLog,
  });
  agents.serve(engine);
  let stopped: Promise<void> | undefined;
  const stop = (addresses: readonly string[] = []) => {
    stopped ??= (async () => {
      await agents.stop(addresses);
      await engine.stop();
      await database.stop();
    })();
    return stopped;
  };
  return { engine, agents, blobs, database, stop };
}

/** A rig and its port, to be called at the top of a file. The port stops before the database is dropped. */
export async function startRigWithPort(): Promise<{ rig: Rig; port: Port }> {
  let port: Port | undefined;
  after(() => port?.stop());
  const rig = await startRig();
  // The rig's own replica is not one of those that serve here.
  await rig.database.sql`update replicas set ends_at = clock_timestamp()`;
  port = await startPort(rig);
  await rig.database.sql`update service set resumed_at = clock_timestamp() - interval '1 hour'`;
  return { rig, port };
}

/** A machine that is enrolled, and dials to its port. */
export async function dialler(t: TestContext, rig: Rig, port: Port) {
  const machine = await TestMachine.enrol(rig);
  const dial = (key = machine.key, to = port) => {
    const agent = new FakeAgent(to.agents.port, key);
    t.after(() => agent.stop());
    return agent;
  };
  return { machine, dial };
}
