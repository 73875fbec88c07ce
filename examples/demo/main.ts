// The demo: `npm run demo`. A server with its embedded database, a few machines, and the workflows of this folder on
// applications that are not ours, six runs at once over three machines. This file joins the parts, in order.
//
// 1. Everything that the demo makes is below one folder of its own, or is told to its guard, and is gone at the end.
// 2. stdout carries the report alone; what happens meanwhile goes to stderr.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ensureSystemPackages } from "../../deploy/system-packages.ts";
import { createClient, type DroverClient, MachineStatus } from "../../sdk/index.ts";
import { removeEmbeddedPostgres } from "../../server/postgres/embedded.ts";
import { type Guard, startGuard } from "./guarded.ts";
import { type MachinePlan, startMachine } from "./machine.ts";
import { type DemoOptions, readOptions } from "./options.ts";
import { applications, type PlannedRun, planRuns, putExamples } from "./plan.ts";
import { progressOn } from "./progress.ts";
import { reportJson, reportOf, reportText, whereToLook } from "./report.ts";
import { doRuns } from "./runs.ts";
import { type DemoServer, postgresDirectory, startDemoServer } from "./server.ts";
import { collectStops, Interrupted, type Stops } from "./stops.ts";
import { makeWindowsParts, startWindowsMachine } from "./windows-machine.ts";
import { planWindowsRuns, putWindowsExamples, windowsApplications } from "./windows-plan.ts";

const attachedWithinMs = 60_000;
const windowsMachines = 2;
const progress = progressOn(process.stderr);

async function demo(options: DemoOptions, stops: Stops): Promise<boolean> {
  const began = performance.now();
  const guard = startGuard();
  stops.onStop(() => guard.dismiss());
  const root = mkdtempSync(join(tmpdir(), "drover-demo-"));
  guard.watch({ root, postgres: postgresDirectory(root) });
  stops.onStop(() => rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  stops.onStop(() => removeEmbeddedPostgres(postgresDirectory(root)));

  progress.say("Starting the server with its embedded database");
  const server = await stops.during(startDemoServer(root, guard, (child) => stops.onStop(() => child.stop())));
  const client = createClient({ url: server.apiUrl, key: server.key });
  stops.onStop(() => client.close());
  const around = { root, server, client, guard, stops };
  const names = namesOf("vm", options.machines);
  progress.say(`Starting ${names.length} machines: ${names.join(", ")}`);
  await startMachines(names, around, (plan) => startMachine({ ...plan, applications }));
  await stops.during(putExamples(client));
  const notes = join(root, "notes");
  mkdirSync(notes);
  const plan = planRuns(options.runs, notes);
  const windows = options.windows ? namesOf("win", windowsMachines) : [];
  if (options.windows) plan.push(...(await startWindows(windows, around)));

  progress.say(`Up after ${((performance.now() - began) / 1000).toFixed(1)} s; starting ${plan.length} runs at once`);
  progress.runs(plan);
  const runs = await stops.during(doRuns(client, plan, join(root, "films"), progress));
  progress.stop();

  const fleets = [{ called: "machines", machines: names, runs: runs.slice(0, options.runs) }];
  if (options.windows) fleets.push({ called: "Windows machines", machines: windows, runs: runs.slice(options.runs) });
  const report = reportOf(fleets);
  const text = options.json ? reportJson(report, options) : reportText(report, process.stdout.columns ?? 160);
  process.stdout.write(`${text}\n`);
  if (!options.once) {
    progress.say(whereToLook(server, report, root));
    await untilAsked(stops.signal);
  }
  return report.ok;
}

interface Around {
  readonly root: string;
  readonly server: DemoServer;
  readonly client: DroverClient;
  readonly guard: Guard;
  readonly stops: Stops;
}

const namesOf = (kind: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${kind}-${index + 1}`);

/** Starts the Windows machines, and gives the plan of their runs. */
async function startWindows(names: readonly string[], around: Around): Promise<PlannedRun[]> {
  const { root, stops, client } = around;
  progress.say(`Starting ${names.length} Windows machines: ${names.join(", ")}`);
  const parts = await stops.during(makeWindowsParts(root, (line) => progress.say(`  ${line}`)));
  const start = (plan: MachinePlan) => startWindowsMachine({ ...plan, applications: windowsApplications, parts });
  const folders = await startMachines(names, around, start);
  await stops.during(putWindowsExamples(client));
  return planWindowsRuns(folders);
}

/** Starts machines at once and waits for their agents; gives what each start gave. */
async function startMachines<T>(
  names: readonly string[],
  { root, server, client, guard, stops }: Around,
  start: (plan: MachinePlan) => Promise<T>,
): Promise<T[]> {
  const { secret } = await stops.during(client.createToken({ uses: names.length }));
  const tokenFile = join(root, `${names[0]}.token`);
  writeFileSync(tokenFile, secret, { mode: 0o600 });
  const { agentUrl } = server;
  const { onStop } = stops;
  // Ended together: one by one, each would be waited for.
  const ends: (() => Promise<void>)[][] = names.map(() => []);
  onStop(async () => void (await Promise.all(ends.map(endOne))));
  const machines = names.map((name, index) =>
    start({ name, root, agentUrl, tokenFile, guard, onStop: (stop) => void ends[index]?.push(stop) }),
  );
  // Settled: a machine that is still starting when another one fails has to be ended too.
  const settled = await stops.during(Promise.allSettled(machines));
  for (const each of settled) if (each.status === "rejected") throw each.reason;
  const deadline = performance.now() + attachedWithinMs;
  for (const name of names) {
    while ((await client.machine(name)).status !== MachineStatus.IDLE) {
      stops.signal.throwIfAborted();
      if (performance.now() > deadline) throw new Error(`${name} did not attach; see what its agent said`);
      await delay(50);
    }
  }
  return settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
}

async function endOne(stops: readonly (() => Promise<void>)[]): Promise<void> {
  for (const stop of [...stops].reverse()) await stop();
}

async function untilAsked(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  // A timer, because a listener alone keeps no process alive.
  const alive = setInterval(() => undefined, 60_000);
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  clearInterval(alive);
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const packages = await ensureSystemPackages(options.windows ? "windows-demo" : "demo", { yes: options.yes });
  if (packages.state === "missing" || packages.state === "failed") {
    progress.say(packages.reason);
    if (packages.state === "failed") return 1;
    for (const command of packages.commands) progress.say(`  ${command}`);
    return 2;
  }
  const stops = collectStops((line) => progress.say(line));
  try {
    return (await demo(options, stops)) ? 0 : 1;
  } catch (error) {
    progress.stop();
    if (error instanceof Interrupted) return error.exitCode;
    progress.say(`The demo failed: ${(error as Error).message}`);
    return 1;
  } finally {
    await stops.all();
  }
}

process.exit(await main());
