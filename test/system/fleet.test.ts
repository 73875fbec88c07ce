// 200 simulated machines, 1,000 runs, one replica on a real Postgres: all end, and no machine ever has two drivers, judged
// by what arrived at the simulated desktops themselves (G1, G4, G6). This judge imports nothing of the server.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type RunningAgent, runAgent } from "../../agent/agent.ts";
import { enrol } from "../../agent/connection/enrolment.ts";
import { serverAddress } from "../../agent/connection/server-address.ts";
import { simulatedDesktop } from "../../agent/desktop/simulated.ts";
import { simulatedNotes } from "../../agent/desktop/simulated-notes.ts";
import { simulatedSight } from "../../agent/desktop/simulated-sight.ts";
import { type InputEntry, SimulatedWorld } from "../../agent/desktop/simulated-world.ts";
import { memoryLocks } from "../../agent/lock.ts";
import { silentLog } from "../../agent/log.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { Product, until } from "../support/product.ts";

const machines = 200;
const runs = 1_000;

/** The text of run i is \`<i>\`, typed once: the stream of characters of a machine must be whole texts, one after another. */
const workflow = `
workflow: fleet.note
application: mousepad
inputs: { type: object, required: [path, text], properties: { path: { type: string }, text: { type: string } } }
timeout: 4m
steps:
  - focus: { title: "*Mousepad", process: mousepad }
  - { type: "\${inputs.text}", in: "*Mousepad" }
  - { press: ctrl+s, in: "*Mousepad" }
  - wait: { window: Save As, for: 10s }
  - { press: ctrl+a, in: Save As }
  - { type: "\${inputs.path}", in: Save As }
  - { id: save, press: enter, in: Save As, effect: commit, guard: { window: Save As }, done: { window: Save As, absent: true } }
  - { press: ctrl+a, in: "*Mousepad" }
result: {}
`;

const application = `
application: mousepad
launch: { command: [mousepad] }
ready: [ { window: { title: "*Mousepad", process: mousepad } } ]
`;

const product = new Product();
let database: TestDatabase;
const stateDir = mkdtempSync(join(tmpdir(), "drover-fleet-"));
const worlds: SimulatedWorld[] = [];
const agents: RunningAgent[] = [];
const inputs = new Map<string, InputEntry[]>();

before(async () => {
  database = await createDatabase();
  await product.startServers({ databaseUrl: database.url });
  await product.put(application, workflow);
  const { secret } = await product.client().createToken({ uses: machines });
  const server = serverAddress(product.server.agentUrl);
  const lock = memoryLocks();
  for (let i = 0; i < machines; i++) {
    const name = `simulated-${i}`;
    const dir = join(stateDir, name);
    await enrol({ server, token: secret, name, stateDir: dir });
    const log: InputEntry[] = [];
    inputs.set(name, log);
    const world = new SimulatedWorld({
      machine: name,
      applications: [simulatedNotes()],
      inputLatencyMs: 1,
      log: (entry) => log.push(entry),
    });
    worlds.push(world);
    agents.push(
      runAgent({
        ...{ server, stateDir: dir, lock, log: silentLog, sight: simulatedSight(), desktop: simulatedDesktop(world) },
        applications: [{ name: "mousepad", version: "" }],
        labels: {},
        allowExec: new Map(),
      }),
    );
  }
});

after(async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
  await product.stop();
  await database?.drop();
  rmSync(stateDir, { recursive: true, force: true });
});

test("1,000 runs on 200 simulated machines all end, each done once, and no machine ever has two drivers", async (t) => {
  const client = product.client();
  const began = performance.now();
  const started = await client
    .startMany(
      Array.from({ length: runs }, (_, i) => ({
        workflow: "fleet.note",
        inputs: { path: `/notes/${i}`, text: `<${i}>` },
      })),
    )
    .catch((error) => assert.fail(`${error}\n${product.server.log.slice(-5).join("\n")}`));
  assert.equal(started.filter((answer) => "started" in answer).length, runs);
  await until(
    "every run has ended",
    async () => {
      for await (const _ of client.runs({ state: "QUEUED" })) return false;
      for await (const _ of client.runs({ state: "RUNNING" })) return false;
      return true;
    },
    240_000,
  );
  t.diagnostic(`${runs} runs in ${Math.round((performance.now() - began) / 1000)} s`);
  let succeeded = 0;
  for await (const _ of client.runs({ outcome: "SUCCEEDED" })) succeeded++;
  assert.equal(succeeded, runs);

  const saves = new Map<string, number>();
  for (const world of worlds) {
    for (const [path, file] of world.files) saves.set(path, (saves.get(path) ?? 0) + file.saves);
  }
  assert.equal(saves.size, runs, "every note was saved");
  assert.deepEqual(
    [...saves].filter(([, times]) => times !== 1),
    [],
    "and none twice",
  );

  const typed: string[] = [];
  for (const [machine, entries] of inputs) {
    const text = entries
      .filter((entry) => entry.kind === "key")
      .map((entry) => entry.key)
      .join("");
    // Two drivers on one machine would mix their characters.
    const whole = text.replace(/<(\d+)>\/notes\/\1/g, (_, i: string) => {
      typed.push(i);
      return "";
    });
    assert.equal(whole, "", `${machine} got nothing but whole runs, one after another`);
    assert.ok(entries.every((entry) => entry.receiver === "mousepad"));
  }
  assert.equal(new Set(typed).size, runs);
  assert.equal(typed.length, runs, "no run was typed twice");
});
