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
      await administer(withDatabase(url, copied), (sql) => sql.unsafe(simulatedClock(copied) + histories));
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

/** The product keeps only what is in force now: whether a machine is cordoned or quarantined, and which limits there are. */
const histories = `
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

  create table simulation.quarantines (machine_id uuid, from_at timestamptz, to_at timestamptz);
  create function simulation.keep_quarantine() returns trigger language plpgsql as $$
    begin
      update simulation.quarantines set to_at = least(to_at, simulation.clock_timestamp()) where machine_id = new.id;
      if new.quarantined_until is not null then
        insert into simulation.quarantines values (new.id, simulation.clock_timestamp(), new.quarantined_until);
      end if;
      return null;
    end $$;
  create trigger keep_quarantine after update on public.machines for each row
    when (old.quarantined_until is distinct from new.quarantined_until) execute function simulation.keep_quarantine();

  create table simulation.limits (kind text, name text, max int, from_at timestamptz, to_at timestamptz);
  create function simulation.keep_limit() returns trigger language plpgsql as $$
    begin
      update simulation.limits set to_at = simulation.clock_timestamp()
        where to_at is null and kind = coalesce(new.kind, old.kind) and name = coalesce(new.name, old.name);
      if tg_op <> 'DELETE' then
        insert into simulation.limits values (new.kind, new.name, new.max, simulation.clock_timestamp(), null);
      end if;
      return null;
    end $$;
  create trigger keep_limit after insert or update or delete on public.concurrency_limits for each row
    execute function simulation.keep_limit();
`;

async function administer(url: string, work: (sql: ReturnType<typeof openDatabase>) => PromiseLike<unknown>) {
  const sql = openDatabase(url, { max: 1, onnotice: () => undefined });
  try {
    await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
