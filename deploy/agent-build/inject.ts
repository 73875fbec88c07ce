// Puts a blob into a copy of Node. Its own program, because the library holds several times the executable's size in
// memory and prints: node deploy/agent-build/inject.ts EXECUTABLE BLOB

import { readFileSync } from "node:fs";
import { inject } from "postject";

/** Node looks for the blob by this name, and knows by the fuse that there is one. */
const name = "NODE_SEA_BLOB";
const sentinelFuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

const [executable = "", blob = ""] = process.argv.slice(2);
await inject(executable, name, readFileSync(blob), { sentinelFuse });
