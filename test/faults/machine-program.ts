// A machine as a process of its own: a simulated desktop with a real agent, without a supervisor. Whoever starts it may kill
// or pause it. What the desktop receives is written into a journal as it happens (`journal.ts`), so that it outlives the
// process; the agent does not know of that.
//
//   node machine-program.ts <state directory> <agent port's addresses, with commas> <journal> <ms of each input call>

import { openSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { runAgent } from "../../agent/agent.ts";
import { serverAddress } from "../../agent/connection/server-address.ts";
import { simulatedDesktop } from "../../agent/desktop/simulated.ts";
import { simulatedNotes } from "../../agent/desktop/simulated-notes.ts";
import { simulatedSight } from "../../agent/desktop/simulated-sight.ts";
import { SimulatedWorld } from "../../agent/desktop/simulated-world.ts";
import { jsonLog } from "../../agent/log.ts";
import type { JournalEntry } from "./journal.ts";

const [stateDir = "", servers = "", journalFile = "", inputMs = "0"] = process.argv.slice(2);
const journal = openSync(journalFile, "a");
const write = (entry: JournalEntry) => writeSync(journal, `${JSON.stringify(entry)}\n`);

const saves = new Map<string, number>();
const world = new SimulatedWorld({
  machine: basename(stateDir),
  applications: [simulatedNotes()],
  inputLatencyMs: Number(inputMs),
  log: ({ at, key }) => {
    write({ is: "input", at, key });
    // The application acts on the key in this same turn, after it was told of.
    queueMicrotask(() => {
      for (const [path, file] of world.files) {
        if (file.saves > (saves.get(path) ?? 0)) write({ is: "save", at, path, text: file.text });
        saves.set(path, file.saves);
      }
    });
  },
});

const [server, ...others] = servers.split(",").map((url) => serverAddress(url));
if (server === undefined) throw new Error("no server was named");
const agent = runAgent({
  ...{ server, others, stateDir, log: jsonLog(basename(stateDir)) },
  ...{ sight: simulatedSight(), desktop: simulatedDesktop(world) },
  applications: [{ name: "mousepad", version: "" }],
  labels: {},
  allowExec: new Map(),
});
process.on("SIGTERM", () => void agent.stop());
await agent.done;
process.exit(0);
