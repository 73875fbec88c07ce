// The real Postgres, one call at a time, by virtual time. A call (a statement by itself, or a whole transaction) travels there,
// is carried out at one virtual instant while nothing else happens, and its answer travels back. So the order of all calls,
// and with it everything that is read, follows from the seed.
//
// SQL knows the virtual time because the schema `simulation` comes before Postgres's own in the search path, and has its own
// `clock_timestamp()`; the product's SQL is as it is.
//
// What can happen: Postgres is away for a while (calls fail, at once or after a wait, before or after they took hold), or one
// replica is cut off from it (calls wait until the way is free again).

import type postgres from "postgres";
import type { Database } from "../../server/store/database.ts";
import type { Chance } from "./chance.ts";
import { calendarAt, type SimulatedProcess } from "./process.ts";
import type { Schedule } from "./schedule.ts";

type Statement = postgres.PendingQuery<postgres.Row[]>;

/** To be carried out after the migrations: they make their tables where a search path begins. */
export const simulatedClock = (databaseName: string): string => `
  create schema simulation;
  create function simulation.clock_timestamp() returns timestamptz language sql volatile as
    $$ select current_setting('simulation.now')::timestamptz $$;
  create function simulation.now() returns timestamptz language sql stable as
    $$ select current_setting('simulation.now')::timestamptz $$;
  alter database "${databaseName}" set search_path = simulation, public, pg_catalog;
`;

/** Everything else is told the time by its parameters. */
function asksTheTime(query: Statement): boolean {
  const { strings } = query as unknown as { readonly strings: readonly string[] };
  return strings.some((text) => /clock_timestamp|now\(\)/.test(text));
}

/** As postgres.js says that it lost its connection. */
const connectionLost = (code: "CONNECTION_CLOSED" | "CONNECT_TIMEOUT" | "ECONNREFUSED") =>
  Object.assign(new Error("the connection to Postgres was lost"), { code });

export class SimulatedPostgres {
  readonly #real: Database;
  readonly #schedule: Schedule;
  readonly #chance: Chance;
  #awayUntil = 0;
  /** Counts restarts: what was under way in one life has no answer in the next. */
  #life = 0;
  readonly #cutUntil = new Map<SimulatedProcess, number>();
  calls = 0;

  constructor(real: Database, schedule: Schedule, chance: Chance) {
    this.#real = real;
    this.#schedule = schedule;
    this.#chance = chance;
  }

  get isAway(): boolean {
    return this.#awayUntil > this.#schedule.now;
  }

  restart(durationMs: number): void {
    this.#awayUntil = this.#schedule.now + durationMs;
    this.#life++;
  }

  cutOff(process: SimulatedProcess, durationMs: number): void {
    this.#cutUntil.set(process, this.#schedule.now + durationMs);
  }

  /** What a process has instead of its own connections. */
  for(process: SimulatedProcess): Database {
    const { sql } = this.#real;
    const statement = (...args: Parameters<typeof sql>) => {
      const query = sql(...args) as unknown as Statement;
      return Array.isArray(args[0]) && "raw" in args[0] ? this.#lazily(process, query) : query;
    };
    const unsafe = (...args: Parameters<typeof sql.unsafe>) =>
      this.#lazily(process, sql.unsafe(...args) as unknown as Statement);
    const begin = <T>(work: (tx: postgres.TransactionSql) => Promise<T>) =>
      this.#call(process, { place: true }, () =>
        sql.begin((tx) => {
          void this.#tell(tx);
          return work(tx);
        }),
      );
    return {
      sql: Object.assign(statement, { begin, unsafe }) as unknown as Database["sql"],
      stop: () => Promise.resolve(),
    };
  }

  /** A statement begins when somebody waits for it, as with postgres.js; until then it may be a part of another. */
  #lazily(process: SimulatedProcess, query: Statement): Statement {
    let answer: Promise<unknown> | undefined;
    const begin = () => {
      answer ??= this.#call(process, { place: false }, async () => {
        if (asksTheTime(query)) void this.#tell(this.#real.sql);
        return await Object.getPrototypeOf(query).then.call(query, (rows: unknown) => rows);
      });
      return answer;
    };
    return Object.assign(query, {
      // biome-ignore lint/suspicious/noThenProperty: a statement is a promise
      then: (...args: Parameters<Promise<unknown>["then"]>) => begin().then(...args),
      catch: (...args: Parameters<Promise<unknown>["catch"]>) => begin().catch(...args),
      finally: (...args: Parameters<Promise<unknown>["finally"]>) => begin().finally(...args),
    });
  }

  #tell(sql: postgres.ISql): Promise<unknown> {
    const now = new Date(calendarAt(this.#schedule.now)).toISOString();
    return sql`select set_config('simulation.now', ${now}, false)`.catch(() => undefined);
  }

  /** `place`: it needs the process to go on (a transaction), and not only the request that it sent. */
  #call<T>(process: SimulatedProcess, { place }: { place: boolean }, work: () => Promise<T>): Promise<T> {
    const from = { process };
    return new Promise<T>((resolve, reject) => {
      const answer = (settle: () => void) => this.#schedule.in(from, this.#wayMs(), settle);
      const arrive = () => {
        const cutMs = (this.#cutUntil.get(process) ?? 0) - this.#schedule.now;
        if (cutMs > 0) return void this.#schedule.in(place ? from : undefined, cutMs + this.#wayMs(), arrive);
        if (this.isAway) {
          const waiting = this.#chance.happens(0.3);
          const lost = connectionLost(waiting ? "CONNECT_TIMEOUT" : "ECONNREFUSED");
          return void this.#schedule.in(from, waiting ? 5_000 : this.#wayMs(), () => reject(lost));
        }
        const life = this.#life;
        this.calls++;
        return work().then(
          (value) => answer(() => (life === this.#life ? resolve(value) : reject(connectionLost("CONNECTION_CLOSED")))),
          (error) => answer(() => reject(error)),
        );
      };
      this.#schedule.in(place ? from : undefined, this.#wayMs(), arrive);
    });
  }

  #wayMs(): number {
    return this.#chance.mostlyShort(0.1, 4);
  }
}
