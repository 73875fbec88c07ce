// Many machines and long queues on the engine's rig, made as rows: what a test does not look at costs next to nothing.

import type { MachineStatus } from "../../../server/rules/machine.ts";
import type { RunId } from "../../../server/rules/names.ts";
import { type Rig, TestMachine } from "./rig.ts";

/** Machines of the pool `default` like one that has just attached. */
export async function manyMachines(rig: Rig, count: number, status: MachineStatus = "idle"): Promise<TestMachine[]> {
  const first = await TestMachine.idle(rig);
  await rig.database.sql`
    insert into machines select x.* from machines m, generate_series(1, ${count - 1}::int) n, jsonb_populate_record(m,
      jsonb_build_object('id', gen_random_uuid(), 'name', m.name || '-' || n, 'key_hash', '\\x' || md5(m.name || n))) x
    where m.id = ${first.id}`;
  const rows = await rig.database.sql<Pick<TestMachine, "id" | "name">[]>`
    update machines set status = ${status} where name like ${`${first.name}%`} returning id, name`;
  return rows.map(({ id, name }) => new TestMachine(rig, id, name, ""));
}

/** More runs like this one, behind it in its line. */
export async function copyRun({ database: { sql } }: Rig, id: RunId, count: number): Promise<void> {
  await sql`
    insert into runs select x.* from runs r, generate_series(1, ${count}::int) n, jsonb_populate_record(r, jsonb_build_object(
      'id', overlay(r.id::text placing to_hex(x'f00000000000'::bigint + n) from 25))) x
    where r.id = ${id}`;
  await sql`
    insert into events (run_id, number, at, body, tenant_id)
    select x.id, e.number, e.at, e.body, e.tenant_id from events e join runs r on r.id = e.run_id
      join runs x on x.route_id = r.route_id and x.id <> r.id and left(x.id::text, 23) = left(r.id::text, 23)
    where r.id = ${id}`;
  await sql`analyze runs`;
}
