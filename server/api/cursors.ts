// Cursors of a watch of many runs: a place in the order of a tenant's events (`store/event-stream.ts`), opaque to callers. The check in
// it covers the place, the tenant and the life of the database, whose name nobody is told: a cursor that was altered, or is of
// another tenant or another database, is not one.

import { createHash } from "node:crypto";
import type { RunId, TenantId } from "../rules/names.ts";
import type { EventPosition, NewestEvent } from "../store/event-stream.ts";
import { refused } from "./errors.ts";

const placeBytes = 8 + 16 + 4;
const checkBytes = 12;

export function sealCursor(tenant: TenantId, database: string, { tx, runId, number }: EventPosition): string {
  const place = Buffer.alloc(placeBytes);
  place.writeBigUInt64BE(BigInt(tx));
  place.write(runId.replaceAll("-", ""), 8, "hex");
  place.writeUInt32BE(number, 24);
  const check = createHash("sha256").update(`${database}\n${tenant}\n`).update(place).digest();
  return Buffer.concat([place, check.subarray(0, checkBytes)]).toString("base64url");
}

export function openCursor(tenant: TenantId, { database, settledBelow }: NewestEvent, cursor: string): EventPosition {
  const bytes = Buffer.from(cursor, "base64url");
  if (bytes.length !== placeBytes + checkBytes) return invalidCursor();
  const id = bytes.toString("hex", 8, 24).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  const tx = bytes.readBigUInt64BE();
  const position = { tx: `${tx}`, runId: id as RunId, number: bytes.readUInt32BE(24) };
  // Base64 is read leniently, and a cursor has one spelling. What is not settled has never been told: that is of another life.
  if (sealCursor(tenant, database, position) !== cursor || tx >= BigInt(settledBelow)) return invalidCursor();
  return position;
}

export const invalidCursor = (): never =>
  refused(
    "CURSOR_INVALID",
    "The cursor is not one that this watch gave out, or is of another database. Watch from now on, and list the runs meanwhile.",
  );
