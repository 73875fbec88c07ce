// Starts the embedded Postgres again when it dies while Drover runs: kill -9 of it is an outage of a second or so.
//
// It watches by looking and not by being the parent, as an adopted server has another parent. Of several replicas on one
// host that all see it die, one starts it and the others adopt it (launch.ts, 2).

import { setTimeout as delay } from "node:timers/promises";
import type { RunningServer } from "./launch.ts";
import { isRunning } from "./lock-file.ts";

const lookEveryMs = 200;
/** After a start that failed. Each has been retried for a while already. */
const pauseMs = 1_000;

export interface Keeper {
  stop(): Promise<void>;
}

export function keepRunning(options: {
  server: () => RunningServer;
  launch: () => Promise<RunningServer>;
  replaced: (server: RunningServer) => void;
  log: (line: string) => void;
}): Keeper {
  const stopping = new AbortController();
  const watch = async () => {
    while (!stopping.signal.aborted) {
      // Unreferenced: watching is no reason to keep the process alive.
      await delay(lookEveryMs, undefined, { ref: false, signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted || isRunning(options.server().pid)) continue;
      options.log(`Postgres (process ${options.server().pid}) is gone; starting it again`);
      try {
        const server = await options.launch();
        options.replaced(server);
        options.log(
          `Postgres runs again (process ${server.pid}${server.adopted ? ", started by another replica" : ""})`,
        );
      } catch (error) {
        options.log(`Postgres could not be started again: ${(error as Error).message}`);
        await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }
  };
  const watching = watch();
  return {
    async stop() {
      stopping.abort();
      await watching;
    },
  };
}
