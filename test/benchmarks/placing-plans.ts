// The plans of the statements of one placing pass, as Postgres itself has carried them out, written into docs/hot-queries.md.

import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { placeAll } from "../../server/engine/placing.ts";
import { openDatabase } from "../../server/postgres/connect.ts";
import { openStore } from "../../server/store/database.ts";
import { freeOne, openReplica } from "./placing-fleet.ts";

const page = resolve(import.meta.dirname, "../../docs/hot-queries.md");

/** What a statement is for, by a text of it. Those that write, and those of the transaction itself, are not told of. */
const statements: readonly (readonly [RegExp, string])[] = [
  [/update runs set due = true/, "Runs whose time has come (`makeDue`)"],
  [/select p\.id from pools p/, "Pools in which something waits and something is idle (`poolsToPlace`)"],
  [/select tenant_id, virtual_time from pools/, "The pool's one placer (`lockPool`)"],
  [/select m\.id, a\.run_id, a\.application_version_id/, "Machines to be cleaned up (`readUnclean`)"],
  [/select id, offer_id as offer/, "Free machines (`readFree`)"],
  [/with recursive waiting[\s\S]*state = 'unsettled'/, "Routes of which runs wait to be settled (`waitingRoutes`)"],
  [/with recursive waiting/, "Routes of which runs wait (`waitingRoutes`)"],
  [/select head\.\*/, "The first runs of each route (`queueHead`)"],
  [/from unnest[\s\S]*left join shares/, "The callers' shares (`readShares`)"],
  [/select kind, name, max from concurrency_limits/, "Limits (`lockLimits`)"],
  [/select r\.workflow, r\.application, count/, "What is under way (`countUnderWay`)"],
  [/select \* from runs where id = any/, "The runs, locked (`lockWaiting`)"],
  [/from machines m where m\.id = any/, "The machines, locked (`lockFree`)"],
];

const intro = `# The hot statements of placing

How Postgres carries out the statements of one pass of placing, in which one of 500 machines has become free and gets a run, while
50,000 runs of 40 routes wait and 1,000,000 have ended. Made by \`npm run bench:placing -- --plans\`, which also measures that such a
pass costs the same with 500 waiting and none ended. Statements that write the one run are left out.
`;

interface Plan {
  readonly ms: string;
  readonly query: string;
  readonly plan: string;
}

export async function writePlans(databaseUrl: string, logFile: string): Promise<void> {
  const sql = openDatabase(databaseUrl, { max: 1 });
  const name = new URL(databaseUrl).pathname.slice(1);
  for (const setting of ["log_min_duration = 0", "log_analyze = on", "log_buffers = on"]) {
    await sql.unsafe(`alter database "${name}" set auto_explain.${setting}`);
  }
  await sql.end();
  const context = openReplica(databaseUrl);
  const other = openStore(databaseUrl, { connectionsMax: 1 });
  // The plans of statements that have been prepared for long.
  for (let turn = 0; turn < 10; turn++) {
    await freeOne(other.sql, turn);
    await placeAll(context);
  }
  await context.database.stop();
  await other.stop();
  const plans = plansOf(readFileSync(logFile, "utf8"));
  const parts = statements.flatMap(([pattern, title]) => {
    const plan = plans.findLast(
      ({ query }) => pattern.test(query) && statements.find(([p]) => p.test(query))?.[1] === title,
    );
    return plan === undefined ? [] : [`## ${title}\n\n${plan.ms} ms.\n\n\`\`\`\n${plan.plan}\n\`\`\`\n`];
  });
  if (parts.length !== statements.length) throw new Error(`${statements.length - parts.length} plans are missing`);
  writeFileSync(page, [intro, ...parts].join("\n"));
}

/** What auto_explain has written. */
function plansOf(log: string): Plan[] {
  return log.split(/^(?=\S)/m).flatMap((entry) => {
    const found = /duration: ([\d.]+) ms {2}plan:\n\tQuery Text: ([\s\S]*)/.exec(entry);
    if (found === null) return [];
    const lines = (found[2] ?? "").split("\n").map((line) => line.replace(/^\t/, ""));
    const at = lines.findIndex((line) => /\(cost=/.test(line));
    const plan = lines.slice(at).join("\n").trimEnd();
    return at === -1 ? [] : [{ ms: found[1] ?? "", query: lines.slice(0, at).join("\n"), plan }];
  });
}
