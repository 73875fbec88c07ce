// Breaks the product on purpose and shows who notices: npm run mutations -- [--only NAME ...] [--json]
//
// Each patch in this folder is applied by itself, in a copy of the checkout, and those that its head names are run
// (`mutation.ts`). Before that they are run with nothing broken: what is not content then is asked about no mutation. Progress
// goes to stderr; the table, or one JSON document, to stdout.
//
// Exit code 0: every mutation was caught. 1: one was not, or its tests fail as they are. 2: wrong arguments.

import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { removeEmbeddedPostgres, startEmbeddedPostgres } from "../../server/postgres/embedded.ts";
import { Copy } from "./copy.ts";
import { type Mutation, readMutations, sayCatcher } from "./mutation.ts";
import { type Bench, failUnbroken, secondsSince, type Trying, tryMutations, type Verdict } from "./trying.ts";
import { typeFaults } from "./type-faults.ts";

const root = resolve(import.meta.dirname, "../..");
const usage = "npm run mutations -- [--only NAME ...] [--json]";
const say = (line: string): void => void process.stderr.write(`${line}\n`);

function wanted(): { readonly mutations: readonly Mutation[]; readonly json: boolean } {
  try {
    const { values } = parseArgs({
      options: { only: { type: "string", multiple: true, default: [] }, json: { type: "boolean", default: false } },
    });
    const all = readMutations(root);
    const unknown = values.only.filter((name) => !all.some((mutation) => mutation.name === name));
    if (unknown.length > 0) throw new Error(`there is no mutation ${unknown.join(", ")}`);
    const mutations = all.filter(({ name }) => values.only.length === 0 || values.only.includes(name));
    return { mutations, json: values.json };
  } catch (error) {
    say(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

async function verdicts(trying: Trying, mutations: readonly Mutation[]): Promise<Verdict[]> {
  const catchers = new Map(mutations.flatMap((mutation) => mutation.catchers).map((one) => [sayCatcher(one), one]));
  say(`With nothing broken, ${catchers.size} tests and simulations:`);
  const failing = await failUnbroken(trying, [...catchers.values()]);
  for (const [catcher, why] of failing) say(`Fails although nothing is broken: ${catcher}: ${why}`);
  say(`With one thing broken, ${mutations.length} times:`);
  return await tryMutations(trying, mutations, failing);
}

function tell(found: readonly Verdict[]): void {
  const width = Math.max(...found.map(({ mutation }) => mutation.name.length));
  for (const { mutation, verdict, says, seconds } of found) {
    const which = mutation.guarantees.join(" ").padEnd(7);
    const what = `${mutation.name.padEnd(width)}  ${which}  ${verdict.padEnd(16)}  ${seconds.toFixed(1).padStart(5)} s`;
    console.log(`${what}  ${says.map((text) => text.slice(0, 120)).join(`\n${" ".repeat(what.length + 2)}`)}`);
  }
}

const documentOf = ({ mutation: { name, guarantees, breaks }, verdict, says, seconds }: Verdict) => ({
  ...{ name, guarantees, breaks, verdict: verdict.toLowerCase(), says, seconds },
});

const { mutations, json } = wanted();
const begunAt = performance.now();
const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.abort());
const directory = mkdtempSync(join(tmpdir(), "drover-mutations-"));
// Postgres's account passes through it when this runs as root.
chmodSync(directory, 0o711);
const home = join(directory, "postgres");
const benches: Bench[] = [];
let exitCode = 1;
try {
  const settings = { fsync: "off", synchronous_commit: "off", max_connections: "300" };
  const server = await startEmbeddedPostgres({ dir: home, settings });
  for (let i = 0; i < Math.min(availableParallelism(), mutations.length); i++) {
    const copy = new Copy(root);
    benches.push({ copy, faults: await typeFaults(copy.folder) });
  }
  const found = await verdicts({ benches, say, databaseUrl: server.url, stopping: stopping.signal }, mutations);
  if (!stopping.signal.aborted) {
    const caught = found.filter(({ verdict }) => verdict === "caught").length;
    const seconds = secondsSince(begunAt);
    if (json) {
      const told = { ok: caught === mutations.length, seconds, mutations: found.map(documentOf) };
      console.log(JSON.stringify(told, undefined, 2));
    } else {
      tell(found);
      console.log(`${caught} of ${mutations.length} were caught; all in all ${seconds.toFixed(0)} s.`);
    }
    exitCode = caught === mutations.length ? 0 : 1;
  }
} finally {
  for (const { copy } of benches) copy.remove();
  await removeEmbeddedPostgres(home);
  rmSync(directory, { recursive: true, force: true });
}
process.exit(exitCode);
