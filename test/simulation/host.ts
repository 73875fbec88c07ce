// What the agent has instead of its operating system in a simulation (`agent/host/this-host.ts`). Locks are the machine's, and
// are given to the agent as an option.

import type { Host } from "../../agent/host/host.ts";
import { here } from "./schedule.ts";

function processHere() {
  const place = here.getStore();
  if (place === undefined) throw new Error("an agent ran outside of all simulated processes");
  return place.process;
}

export const thisHost: Pick<Host, "clock" | "bootId" | "operatingSystem" | "processGroups"> = {
  clock() {
    const process = processHere();
    return { read: () => process.read() };
  },
  bootId: () => processHere().boot,
  operatingSystem: () => "simulated",
  processGroups: () => ({
    start: () => Promise.reject(new Error("a simulated machine has no programs")),
    end() {},
    endAll() {},
  }),
};
