// Runs that leave something everywhere, and what is left of them: in every table, and on the disk.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { v7 as uuid } from "uuid";
import { openFileBlobs } from "../../../server/blobs/files.ts";
import { saveArtifact } from "../../../server/engine/artifacts.ts";
import { placeAll } from "../../../server/engine/placing.ts";
import type { ArtifactId, AttemptId, RunId } from "../../../server/rules/names.ts";
import type { Sql } from "../../../server/store/database.ts";
import { begin, clear, type Rig, startRig, TestMachine, told } from "./rig.ts";

/** A rig whose blobs are files. */
export async function startKeepingRig(): Promise<Rig & { readonly directory: string }> {
  const directory = mkdtempSync(join(tmpdir(), "drover-blobs-"));
  after(() => rmSync(directory, { recursive: true, force: true }));
  const rig = await startRig();
  return { ...rig, context: { ...rig.context, blobs: openFileBlobs(directory) }, directory };
}

export interface LeftRun {
  readonly id: RunId;
  readonly machine: TestMachine;
  readonly attemptId: AttemptId;
  readonly idempotencyKey: string;
  /** In its inputs, its outputs, its frame and its key: it must be nowhere afterwards. */
  readonly planted: string;
}

/** A run at its commit step, on a machine of its own, with a frame. */
export async function atSave(rig: Rig): Promise<LeftRun> {
  await clear(rig);
  const machine = await TestMachine.idle(rig);
  const planted = `Jane Doe ${uuid()}`;
  const idempotencyKey = `key of ${planted}`;
  const id = await begin(rig, { inputs: { text: planted }, idempotencyKey });
  await placeAll(rig.context);
  await machine.upTo("save");
  const attemptId = (await machine.wish()).wanted.lease?.attemptId as AttemptId;
  const left = { id, machine, attemptId, idempotencyKey, planted };
  assert.ok(await leaveFrame(rig, left));
  return left;
}

export const leaveFrame = ({ context }: Rig, { machine, attemptId, planted }: LeftRun): Promise<boolean> =>
  saveArtifact(context, machine.id, {
    ...{ id: uuid() as ArtifactId, attemptId, commandNumber: 2, kind: "frame", contentType: "image/png" },
    content: Buffer.from(planted),
  });

export async function succeeded(rig: Rig): Promise<LeftRun> {
  const left = await atSave(rig);
  await left.machine.report({ output: { text: left.planted } });
  await left.machine.report();
  assert.equal(await told(rig, left.id), "SUCCEEDED AFTER_COMMIT");
  return left;
}

export async function unknown(rig: Rig): Promise<LeftRun> {
  const left = await atSave(rig);
  await left.machine.report({ input: "some", failure: { category: "NOT_DONE", message: "" } });
  assert.equal(await told(rig, left.id), "UNKNOWN UNKNOWN");
  return left;
}

/** As if the run had ended, and its artifacts were made, so long ago. */
export async function age({ database: { sql } }: Rig, id: RunId, days: number): Promise<void> {
  const ago = sql`clock_timestamp() - ${days} * interval '1 day'`;
  await sql`update runs set ended_at = ${ago} where id = ${id} and state = 'ended'`;
  await sql`update artifacts set created_at = ${ago} where run_id = ${id}`;
}

export const isThere = async ({ database: { sql } }: Rig, id: RunId): Promise<boolean> =>
  (await sql`select 1 from runs where id = ${id}`).length === 1;

/** The files of the run. */
export function filesOf(rig: { readonly directory: string }, id: RunId): string[] {
  const folder = join(rig.directory, "runs", id);
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Every row of every table, as text and with its bytes as text. */
async function everyRow(sql: Sql): Promise<string> {
  const tables = await sql<{ name: string }[]>`
    select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`;
  const rows = await Promise.all(
    tables.map(({ name }) => sql<{ row: string }[]>`select t::text as row from ${sql(name)} t`),
  );
  return rows
    .flat()
    .map(({ row }) => row.replaceAll(/\\x([0-9a-f]*)/g, (bytes, hex) => `${bytes} ${Buffer.from(hex, "hex")}`))
    .join("\n");
}

/** Nothing of the run is in any table or on the disk, nor what was planted. */
export async function assertGone(
  rig: Rig & { readonly directory: string },
  { id, attemptId, planted }: LeftRun,
): Promise<void> {
  const rows = await everyRow(rig.database.sql);
  for (const trace of [id, attemptId, planted]) assert.ok(!rows.includes(trace), `${trace} is in a table`);
  assert.ok(!existsSync(join(rig.directory, "runs", id)), "its folder is on the disk");
}
