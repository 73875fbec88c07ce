// The operating system that this process runs on.

import type { Host } from "./host.ts";
import { linuxHost } from "./linux/linux-host.ts";

export const thisHost: Host = linuxHost;
