// Removing a state directory: what the agent puts there, and the directory itself if nothing else is in it.

import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { WrongSetting } from "../settings.ts";

const ours = [
  "identity.json",
  "identity.json.new",
  "agent.lock",
  "agent.log",
  "agent.log.1",
  "release.json",
  "releases",
];

export function purge(stateDir: string): void {
  // The wrong directory said must not cost anybody's files.
  if (!existsSync(join(stateDir, "identity.json"))) {
    throw new WrongSetting(`${stateDir} is not an agent's state directory: it has no identity.json`);
  }
  for (const name of ours) rmSync(join(stateDir, name), { recursive: true, force: true });
  if (readdirSync(stateDir).length === 0) rmdirSync(stateDir);
}
