// The handlers of all public services, over one door.

import { createApplications } from "./applications.ts";
import { createArtifacts } from "./artifacts.ts";
import type { Audit } from "./audit.ts";
import type { Door } from "./door.ts";
import { createHalts } from "./halts.ts";
import type { Wakeup } from "./keyring.ts";
import { createKeys } from "./keys.ts";
import { createMachines } from "./machines.ts";
import { createQueue } from "./queue.ts";
import { createReleases } from "./releases.ts";
import { createRetention } from "./retention.ts";
import type { Services } from "./router.ts";
import { createRuns } from "./runs.ts";
import { createWorkflows } from "./workflows.ts";

export const createServices = (door: Door, wakeup: Wakeup, audit: Audit): Services => ({
  runs: createRuns({ door: door.runs, wakeup, audit }),
  workflows: createWorkflows(door.workflows),
  applications: createApplications(door.applications),
  artifacts: createArtifacts(door.artifacts, door.runs, audit),
  machines: createMachines(door.machines, audit),
  halts: createHalts(door.halts, audit),
  keys: createKeys(door.keys),
  queue: createQueue(door.queue, audit),
  retention: createRetention(door.retention, audit),
  releases: createReleases(door.releases),
});
