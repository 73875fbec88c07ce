// What machines offer, each kept once. Offers never change: who has read one keeps it in memory.

import { createHash } from "node:crypto";
import type { Offer } from "../rules/matching.ts";
import type { OfferId, PoolId } from "../rules/names.ts";
import type { KnownOffer } from "../rules/route.ts";
import { json, type Query } from "./database.ts";

/** The offer's id, which is its digest; saved if it is new. */
export async function keepOffer(query: Query, { applications, labels }: Offer): Promise<OfferId> {
  const byName = <T>(a: readonly [string, T], b: readonly [string, T]) => (a[0] < b[0] ? -1 : 1);
  const body: Offer = {
    applications: applications
      .map(({ name, version }) => ({ name, version }))
      .sort((a, b) => byName([a.name, a.version], [b.name, b.version])),
    labels: Object.fromEntries(Object.entries(labels).sort(byName)),
  };
  const id = createHash("sha256").update(JSON.stringify(body)).digest("hex") as OfferId;
  await query`insert into offers (id, body) values (${id}, ${json(body)}::jsonb) on conflict (id) do nothing`;
  return id;
}

export async function readOffers(query: Query, ids: readonly OfferId[]): Promise<KnownOffer[]> {
  const rows = await query<{ id: OfferId; body: Offer }[]>`
    select id, body from offers where id = any(${[...ids]}::text[])`;
  return rows.map(({ id, body }) => ({ id, ...body }));
}

/** Of the machines of the pool that are not revoked; each once. */
export async function offerIdsIn(query: Query, poolId: PoolId): Promise<OfferId[]> {
  const rows = await query<{ id: OfferId }[]>`
    select distinct offer_id as id from machines
    where pool_id = ${poolId} and revoked_at is null and offer_id is not null`;
  return rows.map(({ id }) => id);
}
