// What machines were and had, each kept once and named by its digest: an attempt names the one that it began with.
//
// It is kept when an agent says it, one in a transaction, and not when attempts begin: many of those are one transaction, and two
// such that meet the same new inventories in another order would wait for each other.

import type { MachineId } from "../rules/names.ts";
import type { Query } from "./database.ts";

/** SHA-256 of the inventory of the machine `m`, hex, as Postgres writes it: keys in one order. */
export const inventoryDigest = (query: Query) => query`encode(sha256(convert_to(m.inventory::text, 'UTF8')), 'hex')`;

export async function keepInventory(query: Query, id: MachineId): Promise<void> {
  await query`
    insert into inventories (digest, body)
    select ${inventoryDigest(query)}, m.inventory from machines m where m.id = ${id} and m.inventory is not null
    on conflict do nothing`;
}
