// How Postgres carries out a statement of the store: the same code, asked for its plan.

import type { Sql } from "../../server/store/database.ts";

/**
 * What the store is given instead of its connections: the statement that begins so is explained, and its plan returned as its
 * rows. `options` are EXPLAIN's, for example `analyze, buffers`.
 */
export const explaining = (sql: Sql, begins: string, options = ""): Sql =>
  new Proxy(sql, {
    apply: (target, self, [parts, ...values]: [TemplateStringsArray, ...unknown[]]) => {
      // Its parts are statements of their own only to the driver.
      const whole = parts[0]?.trimStart().startsWith(begins) === true;
      const explain = options === "" ? "explain " : `explain (${options}) `;
      const strings = Object.assign([`${whole ? explain : ""}${parts[0]}`, ...parts.slice(1)], { raw: parts.raw });
      return Reflect.apply(target, self, [strings, ...values]);
    },
  });

/** The lines of a plan that came instead of rows. */
export const planText = (rows: unknown): string =>
  (rows as { "QUERY PLAN": string }[]).map((row) => Object.values(row)[0]).join("\n");
