// The whole API over the real store and engine, as production is joined, without the engine's loops.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import type { TestContext } from "node:test";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ErrorInfoSchema } from "../../../proto/gen/google/rpc/error_details_pb.ts";
import type { AuditEntry } from "../../../server/api/audit.ts";
import { authenticator, engineDoor } from "../../../server/api/engine-door.ts";
import { serveApi } from "../../../server/api/server.ts";
import { openFileBlobs } from "../../../server/blobs/files.ts";
import { createCatalogue } from "../../../server/engine/catalogue.ts";
import type { EngineContext } from "../../../server/engine/context.ts";
import { createInterpreters } from "../../../server/engine/interpreters.ts";
import { firstAdminKey } from "../../../server/engine/keys.ts";
import { silentMeter } from "../../../server/engine/meter.ts";
import { leaseClocks } from "../../../server/rules/limits.ts";
import type { ReplicaId } from "../../../server/rules/names.ts";
import { migrateDatabase, openStore } from "../../../server/store/database.ts";
import { openWakeup } from "../../../server/store/wakeup.ts";
import { temporaryDirectory, testDatabase } from "../../support/postgres.ts";

const silent = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (...said: unknown[]) => console.error(...said),
};

export const application = `application: mousepad
launch: { command: [mousepad, --disable-server] }
ready: [ { window: "*Mousepad" } ]
`;

export const workflow = `workflow: notes.save
application: mousepad
inputs: { type: object, required: [path, text], properties: { path: { type: string }, text: { type: string } } }
steps:
  - { id: save, type: "\${inputs.text}", effect: commit, guard: { window: "*Mousepad" }, done: { window: "*Mousepad" } }
`;

/** As production is joined, without the engine's loops: nothing is placed. */
export async function serveReal(t: TestContext) {
  const { url } = await testDatabase(t);
  await migrateDatabase(url);
  const database = openStore(url);
  const wakeup = await openWakeup(url, silent);
  const directory = temporaryDirectory();
  const context: EngineContext = {
    database,
    wakeup,
    blobs: openFileBlobs(directory),
    interpreters: createInterpreters(),
    catalogue: createCatalogue(),
    meter: silentMeter,
    clocks: leaseClocks,
    replicaId: randomUUID() as ReplicaId,
    log: silent,
  };
  let admin = "";
  assert.ok(await firstAdminKey(context, async (drawn) => (admin = drawn)));
  const audited: AuditEntry[] = [];
  const api = await serveApi({
    host: "127.0.0.1",
    port: 0,
    door: engineDoor(context),
    authenticate: authenticator(context),
    audit: (entry) => void audited.push(entry),
    wakeup,
    log: silent,
    isServing: () => true,
  });
  t.after(async () => {
    await api.stop();
    await wakeup.stop();
    await database.stop();
    await rm(directory, { recursive: true });
  });
  const as = (secret: string): Transport =>
    createGrpcTransport({
      baseUrl: api.url,
      interceptors: [
        (next) => (request) => {
          request.header.set("authorization", `Bearer ${secret}`);
          return next(request);
        },
      ],
    });
  return { context, audited, as, admin };
}

export async function reasonOf(call: Promise<unknown>) {
  const error = await call.then(() => assert.fail("it was taken"), ConnectError.from);
  return error.findDetails(ErrorInfoSchema)[0]?.reason ?? `${Code[error.code]}: ${error.message}`;
}
