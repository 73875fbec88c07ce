// Releases get in: announced, uploaded piece by piece, checked when whole.
//
// 1. A piece is a blob of its own, written whole or not at all, so that an upload goes on after any interruption and no
//    replica ever holds a whole release in memory.
// 2. A release that is complete never changes.

import { createHash } from "node:crypto";
import { v7 as uuid } from "uuid";
import type { ReleaseId, TenantId } from "../rules/names.ts";
import { type Answer, accept, refuse } from "../rules/refusal.ts";
import { readNow } from "../store/database.ts";
import {
  deleteRelease,
  insertRelease,
  lockReleaseNamed,
  type NewRelease,
  type ReleaseRow,
  readRelease,
  saveComplete,
  saveReceived,
} from "../store/releases.ts";
import type { EngineContext } from "./context.ts";

/** Every piece but the last has this length. */
export const pieceBytes = 1024 * 1024;

export const releaseBlob = (id: ReleaseId, piece: number): string => `releases/${id}/${piece}`;

const notFound = () => refuse("RELEASE_NOT_FOUND", "There is no such release.");

export async function addRelease(
  context: EngineContext,
  tenantId: TenantId,
  wanted: NewRelease,
): Promise<Answer<ReleaseRow>> {
  const { sql } = context.database;
  const { version, executable } = wanted;
  let replaced: ReleaseRow | undefined;
  const answer = await sql.begin(async (tx): Promise<Answer<ReleaseRow>> => {
    const now = await readNow(tx);
    const find = () => lockReleaseNamed(tx, tenantId, version, executable);
    const before = await find();
    if (before !== undefined && !isSame(before, wanted)) {
      if (before.completedAt !== null) {
        return refuse("RELEASE_EXISTS", `Release ${version} for ${executable} exists, and is another one.`);
      }
      // Announced and never finished: the later word counts.
      await deleteRelease(tx, before.id);
      replaced = before;
    }
    await insertRelease(tx, tenantId, uuid() as ReleaseId, wanted, now);
    const release = await find();
    if (release === undefined) throw new Error("a release that was just added is not there");
    return isSame(release, wanted)
      ? accept(release)
      : refuse("RELEASE_EXISTS", `Release ${version} for ${executable} was added by somebody else just now.`);
  });
  if (replaced !== undefined) await deletePieces(context, replaced);
  return answer;
}

const isSame = (row: ReleaseRow, wanted: NewRelease): boolean =>
  row.sizeBytes === wanted.sizeBytes &&
  Buffer.from(row.sha256).equals(wanted.sha256) &&
  Buffer.from(row.signature).equals(wanted.signature);

/** Takes the piece at `offset`, if it is the next one; either way the answer says where to go on. */
export async function uploadPiece(
  context: EngineContext,
  tenantId: TenantId,
  id: ReleaseId,
  offset: number,
  data: Uint8Array,
): Promise<Answer<ReleaseRow>> {
  const { sql } = context.database;
  const release = await readRelease(sql, tenantId, id);
  if (release === undefined) return notFound();
  if (release.completedAt !== null || (offset !== release.receivedBytes && offset < release.sizeBytes)) {
    return accept(release);
  }
  if (offset % pieceBytes !== 0 || data.length !== Math.min(pieceBytes, release.sizeBytes - offset)) {
    return refuse("RELEASE_CORRUPT", `A piece begins at a multiple of ${pieceBytes} bytes and has that length.`);
  }
  const to = offset + data.length;
  await context.blobs.put(releaseBlob(id, offset / pieceBytes), data);
  if (to === release.sizeBytes && !(await isWhole(context, release))) {
    await deleteRelease(sql, id);
    await deletePieces(context, release);
    return refuse("RELEASE_CORRUPT", "What was uploaded is not what was announced: its SHA-256 is another one.");
  }
  await saveReceived(sql, id, offset, to);
  if (to === release.sizeBytes) await saveComplete(sql, id, await readNow(sql));
  const after = await readRelease(sql, tenantId, id);
  return after === undefined ? notFound() : accept(after);
}

async function isWhole(context: EngineContext, release: ReleaseRow): Promise<boolean> {
  const hash = createHash("sha256");
  for await (const piece of piecesFrom(context, release, 0)) hash.update(piece);
  return hash.digest().equals(release.sha256);
}

/** The bytes of a release from an offset on, a piece at a time. Throws when one is not in the blob store. */
export async function* piecesFrom(
  context: Pick<EngineContext, "blobs">,
  { id, sizeBytes }: Pick<ReleaseRow, "id" | "sizeBytes">,
  offset: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = offset; at < sizeBytes; ) {
    const number = Math.floor(at / pieceBytes);
    const piece = await context.blobs.get(releaseBlob(id, number));
    if (piece === undefined) throw new Error(`piece ${number} of a release is not in the blob store`);
    const rest = piece.subarray(at - number * pieceBytes);
    if (rest.length === 0) throw new Error(`piece ${number} of a release is too short`);
    yield rest;
    at += rest.length;
  }
}

async function deletePieces({ blobs }: EngineContext, { id, sizeBytes }: ReleaseRow): Promise<void> {
  for (let at = 0; at < sizeBytes; at += pieceBytes) await blobs.delete(releaseBlob(id, at / pieceBytes));
}
