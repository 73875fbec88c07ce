// How Postgres carries out a statement of the store: the same code, asked for its plan.

import type { Sql } from "../../server/store/database.ts";

/**
 * The plan of the statement of `work` that begins so. `options` are EXPLAIN's, for example `analyze`: it is then carried out. What
 * `work` makes of the plan's lines, instead of rows, is its affair.
 */
export async function planOf(
  sql: Sql,
  begins: string,
  work: (explaining: Sql) => Promise<unknown>,
  options = "costs",
): Promise<string> {
  const plans: string[] = [];
  const explaining: Sql = new Proxy(sql, {
    apply: (target, self, [parts, ...values]: [TemplateStringsArray, ...unknown[]]) => {
      // Its parts are statements of their own only to the driver.
      const whole = parts[0]?.trimStart().startsWith(begins) === true;
      const first = whole ? `explain (${options}) ${parts[0]}` : parts[0];
      const strings = Object.assign([first, ...parts.slice(1)], { raw: parts.raw });
      const query: PromiseLike<Record<string, string>[]> = Reflect.apply(target, self, [strings, ...values]);
      if (!whole) return query;
      return Promise.resolve(query).then((rows) => {
        plans.push(rows.map((row) => Object.values(row)[0]).join("\n"));
        return rows;
      });
    },
  });
  await work(explaining);
  const [plan] = plans;
  if (plan === undefined || plans.length > 1) throw new Error(`${plans.length} statements begin with ${begins}`);
  return plan;
}
