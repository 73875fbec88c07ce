// Simulates fleets and judges them: npm run simulate -- --seeds N --runs M [--seed S] [--fault KIND ...] [--log] [--record FILE]
// or makes the decisions of placing again that such fleets have made: npm run simulate -- --replay FILE
//
// N simulations of M runs each, from seed S on (1 if it is not said), with the faults that the seed chooses or with those named. A simulation in which something was wrong says what, and
// the command that does it again; the exit code is then 1. With --log everything is told in the order in which it happened.
// With --record every decision of placing is added to a file, a line of JSON each; --replay FILE makes them again.

import { appendFileSync, chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startEmbeddedPostgres } from "../../server/postgres/embedded.ts";
import { loadProductSimulated } from "./loading.ts";

loadProductSimulated();
const { prepareGround } = await import("./ground.ts");
const { faultKinds } = await import("./faults.ts");
const { lineOf, replay } = await import("./decisions.ts");
const { trial } = await import("./trial.ts");

/** The server keeps nothing, and does nothing of its own accord. */
const settings = { fsync: "off", synchronous_commit: "off", autovacuum: "off" };

const usage = "npm run simulate -- --seeds N --runs M [--seed S] [--fault KIND ...] [--log] [--record FILE]";

function numbersFrom(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string", default: "1" },
      runs: { type: "string", default: "200" },
      seed: { type: "string", default: "1" },
      fault: { type: "string", multiple: true, default: [] },
      log: { type: "boolean", default: false },
      record: { type: "string" },
      replay: { type: "string" },
    },
  });
  const [seeds, runs, seed] = [values.seeds, values.runs, values.seed].map(Number);
  for (const number of [seeds, runs, seed]) {
    if (!Number.isSafeInteger(number) || Number(number) < 1) throw new Error("the numbers are whole, and at least 1");
  }
  const faults = values.fault.map((kind) => {
    const known = faultKinds.find((one) => one === kind);
    if (known === undefined) throw new Error(`there is no fault "${kind}": there is ${faultKinds.join(", ")}`);
    return known;
  });
  return {
    ...(faults.length > 0 && { faults }),
    seeds: Number(seeds),
    runs: Number(runs),
    seed: Number(seed),
    log: values.log,
    record: values.record,
    replayed: values.replay,
  };
}

function wantedOrUsage() {
  try {
    return numbersFrom(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

const { seeds, runs, seed: first, faults, log, record, replayed } = wantedOrUsage();
if (replayed !== undefined) {
  const lines = readFileSync(replayed, "utf8").split("\n");
  const { decisions, choices, different } = replay(lines.filter((line) => line !== ""));
  if (decisions === 0) {
    console.error(`There is nothing to replay: no decision is in ${replayed}.`);
    process.exit(2);
  }
  console.log(
    `${decisions} decisions, ${choices} of them of several runs and machines; ${different.length} are not the same.`,
  );
  if (different.length > 0) console.log(`Lines ${different.slice(0, 20).join(", ")}`);
  process.exit(different.length === 0 ? 0 : 1);
}
const directory = mkdtempSync(join(tmpdir(), "drover-simulation-"));
// Postgres's account passes through it when this runs as root.
chmodSync(directory, 0o711);
const server = await startEmbeddedPostgres({ dir: join(directory, "postgres"), settings });
let stopping: Promise<void> | undefined;
function stop(): Promise<void> {
  stopping ??= server.stop().then(() => rmSync(directory, { recursive: true, force: true }));
  return stopping;
}
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void stop().then(() => process.exit(1)));

// Whoever reads what is told may have had enough.
process.stdout.on("error", () => void stop().then(() => process.exit(1)));

let wrong = 0;
try {
  const ground = await prepareGround(server.url);
  for (let seed = first; seed < first + seeds; seed++) {
    const { line, told } = await trial(ground, {
      seed,
      runs,
      ...(faults && { faults }),
      ...(log && { told: console.log }),
      ...(record && { decided: (facts, made) => appendFileSync(record, `${lineOf(facts, made)}\n`) }),
    });
    console.log(line);
    if (told.length === 0) continue;
    wrong++;
    for (const text of told.slice(0, 20)) console.log(`  ${text}`);
    if (told.length > 20) console.log(`  and ${told.length - 20} more`);
  }
  console.log(wrong === 0 ? "Nothing was wrong." : `Something was wrong in ${wrong} of ${seeds} simulations.`);
} finally {
  await stop();
}
process.exit(wrong === 0 ? 0 : 1);
