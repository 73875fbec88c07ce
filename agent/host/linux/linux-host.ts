// Linux.

import type { Host } from "../host.ts";
import { bootId, operatingSystem } from "./boot.ts";
import { systemClock } from "./clock.ts";
import { keyProtection } from "./key-protection.ts";
import { fileLock } from "./lock.ts";
import { endLeftBehind, LinuxProcessGroups } from "./process-groups.ts";

export const linuxHost: Host = {
  clock: systemClock,
  lock: fileLock,
  bootId,
  operatingSystem,
  keyProtection,
  refusedProgram: (path) => (path.startsWith("/") ? undefined : "a whole path"),
  processGroups: (told, display) => new LinuxProcessGroups(told, display),
  endLeftBehind,
  // A program without a terminal is nothing special here, and has no window.
  leaveConsole: () => {},
  askToStop: (agent, signal) => void agent.kill(signal),
};
