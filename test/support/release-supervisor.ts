// A supervisor as a process of its own, for tests that kill it: `release-supervisor.ts STATE_DIR INSTALLED_PROGRAM`.

import { silentLog } from "../../agent/log.ts";
import { superviseAgent } from "../../agent/supervisor.ts";
import { Succession } from "../../agent/update/succession.ts";

const [stateDir = "", installed = ""] = process.argv.slice(2);
const succession = new Succession({ stateDir, installedVersion: "1.0.0", log: silentLog });
const supervisor = superviseAgent({ command: [installed], log: silentLog, succession, firstDelayMs: 10 });
process.on("SIGTERM", () => supervisor.signal("SIGTERM"));
process.exitCode = await supervisor.done;
