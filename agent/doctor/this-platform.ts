// The facts of the platform that this process runs on.

import { linuxFacts } from "./linux-facts.ts";
import type { PlatformFacts } from "./platform-facts.ts";
import { windowsFacts } from "./windows-facts.ts";

export const platformFacts: PlatformFacts = process.platform === "win32" ? windowsFacts : linuxFacts;
