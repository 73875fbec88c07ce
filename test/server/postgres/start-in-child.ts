// A process of its own that starts or adopts the embedded Postgres in argv[2], prints what it got as a line of JSON, and
// stays until it is killed or its input ends.

import { startEmbeddedPostgres } from "../../../server/postgres/embedded.ts";

const [dir = "", keepRunning] = process.argv.slice(2);
const postgres = await startEmbeddedPostgres({ dir, keepRunning: keepRunning === "keep" });
console.log(JSON.stringify({ pid: postgres.pid, adopted: postgres.adopted, url: postgres.url }));
process.stdin.resume().once("end", () => process.exit(0));
