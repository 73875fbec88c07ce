// Pages by keyset: a token holds the sort key of the last row that was given out, so rows that come or go meanwhile are
// neither skipped nor repeated. It is opaque to callers, carries which list it is of, and holds nothing that its owner did
// not see in that row.

import { refused } from "./errors.ts";
import { apiLimits } from "./limits.ts";

export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly nextPageToken: string;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const name = /^[^\0]{1,200}$/;

/** `by` says what the list is sorted by, and so what a token of it may hold. */
export async function page<Key extends "id" | "name", Row extends Readonly<Record<Key, string>>>(
  list: "runs" | "workflows" | "applications" | "machines" | "keys" | "enrolment tokens" | "releases",
  request: PageRequest,
  by: Key,
  read: (after: string | undefined, limit: number) => Promise<readonly Row[]>,
): Promise<Page<Row>> {
  const after = request.pageToken === "" ? undefined : open(list, request.pageToken, by === "id" ? uuid : name);
  const size = request.pageSize === 0 ? apiLimits.pageSize : request.pageSize;
  // One more than asked for tells whether this is the last page.
  const found = await read(after, size + 1);
  const rows = found.slice(0, size);
  const last = rows.at(-1);
  return { rows, nextPageToken: found.length > size && last !== undefined ? seal(list, last[by]) : "" };
}

const seal = (list: string, key: string) => Buffer.from(`${list}\n${key}`).toString("base64url");

function open(list: string, token: string, form: RegExp): string {
  const [of, key = "", ...rest] = Buffer.from(token, "base64url").toString().split("\n");
  // The last condition: base64 is read leniently, and a token has one spelling.
  if (of === list && rest.length === 0 && form.test(key) && seal(list, key) === token) return key;
  return refused("PAGE_TOKEN_INVALID", "The page token is not one that this list gave out. Start from the first page.");
}
