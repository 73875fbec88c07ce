// Databases for simulations: one is migrated and given the simulated clock, and each simulation has a copy of it.

import { openDatabase, withDatabase } from "../../server/postgres/connect.ts";
import { migrateDatabase } from "../../server/store/database.ts";
import { simulatedClock } from "./database.ts";

export interface Ground {
  /** A fresh database, for one simulation. */
  copy(): Promise<{ readonly url: string; drop(): Promise<void> }>;
}

/** `url` names an empty database, which becomes what is copied. */
export async function prepareGround(url: string): Promise<Ground> {
  await migrateDatabase(url);
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  await administer(url, (sql) => sql.unsafe(tidy));
  let copies = 0;
  return {
    async copy() {
      const copied = `${name}_${++copies}`;
      await administer(withDatabase(url, "postgres"), async (sql) => {
        await sql`create database ${sql(copied)} template ${sql(name)}`;
      });
      await administer(withDatabase(url, copied), (sql) => sql.unsafe(simulatedClock(copied) + cordonHistory));
      return {
        url: withDatabase(url, copied),
        drop: () =>
          administer(withDatabase(url, "postgres"), async (sql) => {
            await sql`drop database if exists ${sql(copied)} with (force)`;
          }),
      };
    },
  };
}

/** Nothing of Postgres's own accord: what it does in the background it does at times of its own. */
const tidy = `
  do $$ declare t text; begin
    for t in select tablename from pg_tables where schemaname = 'public' loop
      execute format('alter table public.%I set (autovacuum_enabled = false)', t);
    end loop;
  end $$;
`;

/** A machine says only whether it is cordoned now. */
const cordonHistory = `
  create table simulation.cordons (machine_id uuid, cordoned_at timestamptz, uncordoned_at timestamptz);
  create function simulation.keep_cordon() returns trigger language plpgsql as $$
    begin
      if old.cordoned_at is not null then
        update simulation.cordons set uncordoned_at = simulation.clock_timestamp()
        where machine_id = new.id and uncordoned_at is null;
      end if;
      if new.cordoned_at is not null then
        insert into simulation.cordons values (new.id, new.cordoned_at, null);
      end if;
      return null;
    end $$;
  create trigger keep_cordon after update on public.machines for each row
    when (old.cordoned_at is distinct from new.cordoned_at) execute function simulation.keep_cordon();
`;

async function administer(url: string, work: (sql: ReturnType<typeof openDatabase>) => PromiseLike<unknown>) {
  const sql = openDatabase(url, { max: 1, onnotice: () => undefined });
  try {
    await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
