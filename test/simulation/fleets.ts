// Fleets that npm test simulates: what goes wrong in each, in how many runs, and from which seed where not from the usual one.
// In files of their own, so that two of them are simulated at a time.

import type { FaultKind } from "./faults.ts";

export type Fleet = readonly [title: string, faults: readonly FaultKind[], runs: number, seed?: number];

export const stopped: readonly Fleet[] = [
  ["nothing that goes wrong", [], 40],
  [
    "operators who stop things, and people at the mouse",
    [
      ...["machine halted", "workflow, application, pool or tenant halted", "machine cordoned", "machine drained"],
      ...["machine released", "person at the mouse"],
    ] as FaultKind[],
    120,
    // One in which no wake-up is lost: a halt is to be known at once.
    9,
  ],
  [
    "operators who pause, limit and move runs to the front",
    ["workflow, application or pool paused", "workflow or application limited", "run moved to the front"],
    130,
  ],
];

export const brokenMachines: readonly Fleet[] = [
  [
    "machines that are paused or die",
    ["agent stopped", "machine suspended", "machine stunned", "agent killed", "machine crashed"],
    100,
  ],
  [
    "lines that are cut and streams that are half dead",
    ["line cut upwards", "line cut downwards", "line cut", "stream dead upwards", "stream dead downwards"],
    110,
  ],
  ["desktops that fail", ["application killed", "application frozen", "window in the way", "desktop hung"], 100],
  ["machines on which everything fails, and such as are updated", ["machine poisoned", "machine updated"], 110],
];

export const brokenServers: readonly Fleet[] = [
  [
    "replicas that die, stand still or are replaced",
    ["replica killed", "replica's host gone", "replica stopped", "replica restarted", "all replicas killed"],
    110,
  ],
  ["a Postgres that is away", ["Postgres restarted", "replica cut off from Postgres"], 100],
];
