// The facts of the platform that this process runs on.

import { linuxFacts } from "./linux-facts.ts";
import type { PlatformFacts } from "./platform-facts.ts";

export const platformFacts: PlatformFacts = linuxFacts;
