// Watches how statements and transactions go: how long each took, waiting for a connection included, and which kind of error it met.

import type { Sql } from "./database.ts";

export interface Operation {
  readonly is: "statement" | "transaction";
  readonly ms: number;
  /** The class of its SQLSTATE, two letters or digits, if the database or the way to it failed it. */
  readonly failed?: string;
}

/** Must not throw. */
export type Observe = (operation: Operation) => void;

/**
 * The same connection, watched. Of a transaction the whole counts, and not the statements in it. A statement begins when somebody
 * waits for it; one that only becomes a part of another never does.
 */
export function observed(sql: Sql, observe: Observe): Sql {
  const began = (is: Operation["is"]) => {
    const at = performance.now();
    return {
      ok: () => observe({ is, ms: performance.now() - at }),
      failed: (error: unknown) => {
        const failed = errorClass(error);
        observe({ is, ms: performance.now() - at, ...(failed === undefined ? {} : { failed }) });
      },
    };
  };
  const begin = async (...args: Parameters<Sql["begin"]>) => {
    const transaction = began("transaction");
    try {
      const done = await sql.begin(...args);
      transaction.ok();
      return done;
    } catch (error) {
      transaction.failed(error);
      throw error;
    }
  };
  return new Proxy(sql, {
    get: (target, name) => (name === "begin" ? begin : Reflect.get(target, name)),
    apply(target, self, args) {
      const made: unknown = Reflect.apply(target, self, args);
      // Names and lists that become a part of a statement are no promises.
      return made instanceof Promise ? watch(made, () => began("statement")) : made;
    },
  });
}

/** `catch` and `finally` of a promise come to `then`. */
function watch<T>(query: Promise<T>, begin: () => { ok(): void; failed(error: unknown): void }): Promise<T> {
  const then = query.then.bind(query);
  let watched = false;
  return Object.assign(query, {
    // biome-ignore lint/suspicious/noThenProperty: a statement is a promise
    then: (...args: Parameters<typeof then>) => {
      if (!watched) {
        watched = true;
        const statement = begin();
        then(statement.ok, statement.failed);
      }
      return then(...args);
    },
  });
}

/** What Drover's own triggers raise: a refusal, which a caller can cause as often as it likes. */
const refused = /^DR[0-9A-Z]{3}$/;

/** Undefined when neither the database nor the way to it is what failed. */
export function errorClass(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  if (refused.test(error.code)) return undefined;
  if (/^[0-9A-Z]{5}$/.test(error.code)) return error.code.slice(0, 2);
  // The driver's words, and the system's, for a connection that could not be made or was lost.
  return /^(CONNECTION_|CONNECT_TIMEOUT|E[A-Z]+$)/.test(error.code) ? "08" : undefined;
}
