// A connection that the database ends (G5): postgres.js as it is ends the process, or falls silent (`server/postgres/driver.ts`).

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { type DatabaseClientOptions, openDatabase } from "../../../server/postgres/connect.ts";
import { mended } from "../../../server/postgres/driver.ts";
import { testDatabase } from "../../support/postgres.ts";

const { url } = await testDatabase();

/** Resolves when the client has noticed that a connection was closed. */
function connection() {
  const closed = Promise.withResolvers<void>();
  const sql = openDatabase(url, { max: 1, onclose: () => closed.resolve(), onnotice: () => {} });
  return { sql, closed: closed.promise };
}

async function terminate(pid: number): Promise<void> {
  const sql = openDatabase(url, { max: 1 });
  await sql`select pg_terminate_backend(${pid})`;
  await sql.end();
}

const codeOf = (error: unknown) => (error instanceof Error && "code" in error ? `${error.code}` : `${error}`);

test("what a transaction says after its connection was closed fails, and is not said on the next one", async (t) => {
  const { sql, closed } = connection();
  t.after(() => sql.end());
  await sql`create table said (word text)`;
  const reconnected = Promise.withResolvers<void>();
  const over = Promise.withResolvers<string[]>();
  const transaction = sql.begin(async (tx) => {
    const [row] = await tx<{ pid: number }[]>`select pg_backend_pid() as pid`;
    await terminate(row?.pid ?? 0);
    await closed;
    const say = (word: string) => tx`insert into said values (${word})`.then(() => "said", codeOf);
    const first = await say("at once");
    await reconnected.promise;
    over.resolve([first, await say("later")]);
  });
  await assert.rejects(transaction, { code: "CONNECTION_CLOSED" });
  assert.equal((await sql`select 1`).length, 1, "nobody else is harmed");
  reconnected.resolve();
  assert.deepEqual(await over.promise, ["CONNECTION_CLOSED", "CONNECTION_CLOSED"]);
  assert.equal((await sql`select * from said`).length, 0);
});

test("what is said on a connection that was kept, after it was closed, fails, and ends nothing else", async (t) => {
  const { sql, closed } = connection();
  t.after(() => sql.end());
  const kept = await sql.reserve();
  const [row] = await kept<{ pid: number }[]>`select pg_backend_pid() as pid`;
  await terminate(row?.pid ?? 0);
  await closed;
  await assert.rejects(kept`select 1`.execute(), { code: "CONNECTION_CLOSED" });
});

test("a connection that closes with something still to be sent is used again", async (t) => {
  const sockets: Socket[] = [];
  const ofOurs = async ({ path }: { readonly path?: string }) => {
    const socket = connect(path ?? assert.fail("the database of tests has a socket"));
    await once(socket, "connect");
    sockets.push(socket);
    return socket;
  };
  const sql = openDatabase(url, { max: 1, socket: ofOurs } as DatabaseClientOptions);
  t.after(() => sql.end({ timeout: 1 }));
  await sql`select 1`;
  const unsent = sql`select 2`.catch(codeOf);
  // By then it lies ready, and leaves at the end of this turn of the event loop.
  await new Promise<void>((resolve) => process.nextTick(resolve));
  const [socket] = sockets;
  socket?.emit("close", false);
  socket?.destroy();
  assert.equal(await unsent, "CONNECTION_CLOSED");
  const silence = AbortSignal.timeout(3_000);
  const silent = once(silence, "abort").then(() => "silence");
  assert.equal(await Promise.race([sql`select 3 as n`.then(([row]) => row?.["n"]), silent]), 3);
});

test("a source that is not the known one is refused", () => {
  assert.throws(() => mended("a", [{ says: "b", instead: "c", times: 1 }]), /postgres.js has changed/);
});
