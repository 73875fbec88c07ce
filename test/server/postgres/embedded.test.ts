// The embedded Postgres: starting, adopting, surviving kill -9 on either side. Every server here is a real one.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { openDatabase } from "../../../server/postgres/connect.ts";
import {
  type EmbeddedPostgresOptions,
  removeEmbeddedPostgres,
  startEmbeddedPostgres,
} from "../../../server/postgres/embedded.ts";
import { isRunning } from "../../../server/postgres/lock-file.ts";
import { temporaryDirectory } from "../../support/postgres.ts";

const asRoot = process.getuid?.() === 0;

const cleanups = new WeakMap<TestContext, (() => unknown)[]>();

/** Like t.after, but the last thing begun is the first ended: servers before the directories they are in. */
function defer(t: TestContext, cleanup: () => unknown): void {
  const list = cleanups.get(t) ?? [];
  if (list.length === 0) {
    cleanups.set(t, list);
    t.after(async () => {
      for (const each of list.reverse()) await each();
    });
  }
  list.push(cleanup);
}

function directoryFor(t: TestContext, { parent = temporaryDirectory(), below = "postgres" } = {}): string {
  const dir = join(parent, below);
  defer(t, async () => {
    await removeEmbeddedPostgres(dir);
    rmSync(parent, { recursive: true, force: true });
  });
  return dir;
}

async function start(t: TestContext, options: EmbeddedPostgresOptions) {
  const postgres = await startEmbeddedPostgres(options);
  defer(t, () => postgres.stop({ server: "always" }));
  return postgres;
}

async function query(url: string, text: string): Promise<unknown> {
  const sql = openDatabase(url, { max: 1, connect_timeout: 5, onnotice: () => undefined });
  try {
    return (await sql.unsafe(text))[0]?.["v"];
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function eventually(what: string, check: () => Promise<boolean> | boolean, ms = 10_000): Promise<void> {
  for (const deadline = Date.now() + ms; !(await check()); await delay(20)) {
    assert.ok(Date.now() < deadline, `${what}: not within ${ms} ms`);
  }
}

interface Child {
  process: ChildProcess;
  said: { pid: number; adopted: boolean; url: string };
}

async function startInChild(t: TestContext, dir: string, keep = ""): Promise<Child> {
  const program = join(import.meta.dirname, "start-in-child.ts");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, dir, keep], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  defer(t, () => child.kill("SIGKILL"));
  const line = await new Promise<string>((resolve, reject) => {
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (more: string) => {
      text += more;
      if (text.includes("\n")) resolve(text);
    });
    child.once("exit", (code) => reject(new Error(`the child ended with ${code} and said nothing`)));
  });
  return { process: child, said: JSON.parse(line) };
}

test("a first start makes the database, a stop ends the server, and the data is there at the next start", async (t) => {
  const dir = directoryFor(t);
  const first = await start(t, { dir });
  assert.equal(first.adopted, false);
  assert.match(String(await query(first.url, "select version() v")), /^PostgreSQL 18/);
  assert.equal(await query(first.url, "select current_database() v"), "drover");
  for (const [name, value] of Object.entries({
    server_encoding: "UTF8",
    lc_collate: "C",
    data_checksums: "on",
    listen_addresses: "",
    max_connections: "100",
    shared_buffers: "128MB",
    log_min_error_statement: "panic",
  })) {
    const shown =
      name === "lc_collate"
        ? "select datcollate v from pg_database where datname = 'drover'"
        : `select current_setting('${name}') v`;
    assert.equal(await query(first.url, shown), value, name);
  }
  await query(first.url, "create table kept as select 7 v");
  await first.stop();
  assert.equal(isRunning(first.pid), false);
  assert.equal(existsSync(join(first.home, "data/postmaster.pid")), false);

  const second = await start(t, { dir });
  assert.equal(second.adopted, false);
  assert.equal(second.url, first.url);
  assert.equal(await query(second.url, "select v from kept"), 7);
});

test("a server whose owner was killed is adopted, and a stop by the adopter leaves it running", async (t) => {
  const dir = directoryFor(t);
  const owner = await startInChild(t, dir);
  owner.process.kill("SIGKILL");
  await eventually("the owner is gone", () => owner.process.signalCode !== null);
  assert.ok(isRunning(owner.said.pid));

  const adopter = await startEmbeddedPostgres({ dir });
  assert.equal(adopter.adopted, true);
  assert.equal(adopter.pid, owner.said.pid);
  assert.equal(await query(adopter.url, "select 1 v"), 1);
  await adopter.stop();
  assert.ok(isRunning(adopter.pid));
});

test("`unused` leaves a server that somebody is connected to, and ends it when nobody is", async (t) => {
  const dir = directoryFor(t);
  const owner = await start(t, { dir });
  const other = openDatabase(owner.url, { max: 1 });
  await other`select 1`;
  await (await startEmbeddedPostgres({ dir })).stop({ server: "unused" });
  assert.ok(isRunning(owner.pid));
  await other.end();
  await eventually("the server sees that the connection closed", async () => {
    await (await startEmbeddedPostgres({ dir })).stop({ server: "unused" });
    return !isRunning(owner.pid);
  });
});

test("after kill -9 of the server, with a query running, the next start brings back what was committed", async (t) => {
  const dir = directoryFor(t);
  const first = await start(t, { dir });
  await query(first.url, "create table kept as select 7 v");
  // A worker that never looks up: it does not notice that its server is gone.
  const busy = query(first.url, "select count(*)::int v from generate_series(1, 1e12)").catch(() => "cut off");
  await eventually("the query runs", async () => {
    return (
      (await query(
        first.url,
        "select count(*)::int v from pg_stat_activity where query like '%1e12%' and pid <> pg_backend_pid()",
      )) === 1
    );
  });
  process.kill(first.pid, "SIGKILL");
  const second = await start(t, { dir });
  assert.equal(second.adopted, false);
  assert.notEqual(second.pid, first.pid);
  assert.equal(await query(second.url, "select v from kept"), 7);
  assert.equal(await busy, "cut off");
});

test("a lock file that names another program's process does not keep the server from starting", async (t) => {
  const dir = directoryFor(t);
  const first = await start(t, { dir });
  const owner = statSync(join(first.home, "data"));
  const bystander = spawn("sleep", ["600"], asRoot ? { uid: owner.uid, gid: owner.gid, cwd: "/" } : {});
  defer(t, () => bystander.kill("SIGKILL"));
  const lockFile = join(first.home, "data/postmaster.pid");
  const text = readFileSync(lockFile, "utf8");
  process.kill(first.pid, "SIGKILL");
  await eventually("the server is gone", () => !isRunning(first.pid));
  writeFileSync(lockFile, text.replace(/^\d+/, String(bystander.pid)));
  chownSync(lockFile, owner.uid, owner.gid);
  const second = await start(t, { dir });
  assert.equal(await query(second.url, "select 1 v"), 1);
  assert.equal(isRunning(bystander.pid ?? 0), true);
});

test("a server that dies under keepRunning is running again within seconds, at the same URL", async (t) => {
  const dir = directoryFor(t);
  const said: string[] = [];
  const postgres = await start(t, { dir, keepRunning: true, log: (line) => said.push(line) });
  const killed = postgres.pid;
  process.kill(killed, "SIGKILL");
  const at = Date.now();
  await eventually(
    "the service resumes",
    async () => (await query(postgres.url, "select 1 v").catch(() => 0)) === 1,
    5_000,
  );
  t.diagnostic(`resumed after ${Date.now() - at} ms`);
  await eventually("the keeper knows it", () => postgres.pid !== killed);
  assert.ok(
    said.some((line) => line.includes(`process ${killed}) is gone`)),
    said.join("\n"),
  );
  await postgres.stop();
  assert.equal(isRunning(postgres.pid), false);
});

test("when two owners keep one server running and it dies, both end up with the same new one", async (t) => {
  const dir = directoryFor(t);
  const here = await start(t, { dir, keepRunning: true });
  const there = await startInChild(t, dir, "keep");
  assert.equal(there.said.pid, here.pid);
  const killed = here.pid;
  process.kill(killed, "SIGKILL");
  await eventually("a new server is known here", () => here.pid !== killed && isRunning(here.pid));
  assert.equal(await query(there.said.url, "select 1 v"), 1);
  there.process.stdin?.end();
});

test("of two processes that start one empty directory at once, one starts the server and the other adopts it", async (t) => {
  const dir = directoryFor(t);
  const both = await Promise.all([startInChild(t, dir), startInChild(t, dir)]);
  assert.deepEqual(both.map(({ said }) => said.adopted).sort(), [false, true]);
  assert.equal(both[0].said.pid, both[1].said.pid);
  assert.equal(await query(both[1].said.url, "select 1 v"), 1);
  const home = (await startEmbeddedPostgres({ dir })).home;
  assert.deepEqual(
    readdirSync(home).filter((name) => name.startsWith("data.new")),
    [],
  );
});

test("of four starts of a stopped server at once, one starts it and three adopt it, also after kill -9", async (t) => {
  const dir = directoryFor(t);
  const first = await start(t, { dir });
  for (const end of [() => first.stop(), (pid: number) => process.kill(pid, "SIGKILL")]) {
    await end((await startEmbeddedPostgres({ dir })).pid);
    const four = await Promise.all([0, 1, 2, 3].map(() => startEmbeddedPostgres({ dir })));
    assert.deepEqual(four.map(({ adopted }) => adopted).sort(), [false, true, true, true]);
    assert.equal(new Set(four.map(({ pid }) => pid)).size, 1);
  }
});

test("data of another major version is refused, and the refusal says what to do", async (t) => {
  const dir = directoryFor(t);
  const postgres = await start(t, { dir });
  await postgres.stop();
  writeFileSync(join(postgres.home, "data/PG_VERSION"), "15\n");
  await assert.rejects(
    startEmbeddedPostgres({ dir }),
    /of PostgreSQL 15, but this Drover brings PostgreSQL 18.*DATABASE_URL/,
  );
});

test("a server that cannot start is reported with the end of its log", async (t) => {
  const dir = directoryFor(t);
  await assert.rejects(
    startEmbeddedPostgres({ dir, settings: { shared_buffers: "nonsense" } }),
    /postgres\.log:\n.*nonsense/s,
  );
});

test("a directory whose path is too long for a socket works", async (t) => {
  const dir = directoryFor(t, { below: `${"long".repeat(25)}/with, comma and blank` });
  const postgres = await start(t, { dir });
  assert.equal(await query(postgres.url, "select 1 v"), 1);
  await postgres.stop();
  await removeEmbeddedPostgres(dir);
  assert.equal(existsSync(decodeURIComponent(new URL(postgres.url).hostname)), false);
});

test("as root, a directory that Postgres's account cannot enter works, and is removed with its data", {
  skip: !asRoot,
}, async (t) => {
  const closed = mkdtempSync(join(tmpdir(), "drover-test-"));
  assert.equal(statSync(closed).mode & 0o777, 0o700);
  const dir = directoryFor(t, { parent: closed });
  const postgres = await start(t, { dir });
  assert.equal(await query(postgres.url, "select 1 v"), 1);
  assert.equal(statSync(closed).mode & 0o777, 0o700);
  assert.notEqual(statSync(join(postgres.home, "data")).uid, 0);
  assert.equal(statSync(join(postgres.home, "data")).mode & 0o777, 0o700);
  const again = await startEmbeddedPostgres({ dir });
  assert.equal(again.pid, postgres.pid);
  await postgres.stop();
  await removeEmbeddedPostgres(dir);
  assert.equal(existsSync(postgres.home), false);
});

test("as root, the account that owns the data runs the server, whichever account would be chosen now", {
  skip: !asRoot,
}, async (t) => {
  const dir = directoryFor(t);
  const first = await start(t, { dir });
  await first.stop();
  const nobody = 65_534;
  for (const name of ["", ...readdirSync(join(first.home, "data"), { recursive: true, encoding: "utf8" })]) {
    chownSync(join(first.home, "data", name), nobody, nobody);
  }
  const second = await start(t, { dir });
  assert.equal(statSync(`/proc/${second.pid}`).uid, nobody);
  assert.equal(await query(second.url, "select 1 v"), 1);
});

test("a umask of 077 does not lock the server's account out", { skip: !asRoot }, async (t) => {
  const dir = directoryFor(t, { below: "a/b" });
  const before = process.umask(0o077);
  defer(t, () => process.umask(before));
  const postgres = await start(t, { dir });
  assert.equal(postgres.home, dir);
  assert.equal(await query(postgres.url, "select 1 v"), 1);
});
