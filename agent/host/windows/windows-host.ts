// Windows 10 and later.

import type { Host } from "../host.ts";
import { bootId, operatingSystem } from "./boot.ts";
import { systemClock } from "./clock.ts";
import { refusedProgram } from "./command-line.ts";
import { keyProtection } from "./key-protection.ts";
import { fileLock } from "./lock.ts";
import { WindowsProcessGroups } from "./process-groups.ts";
import { systemCalls } from "./system-calls.ts";

export const windowsHost: Host = {
  clock: systemClock,
  lock: fileLock,
  bootId,
  operatingSystem,
  keyProtection,
  refusedProgram,
  processGroups: (told) => new WindowsProcessGroups(told),
  // The jobs of a dead agent ended with it.
  endLeftBehind: () => {},
  leaveConsole: () => void systemCalls().FreeConsole(),
  // There is no SIGTERM here. The agent ends when it has lost its supervisor, and so it does when it is let go.
  askToStop: (agent) => void (agent.connected && agent.disconnect()),
};
