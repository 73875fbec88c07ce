// The operating system that this process runs on.

import type { Host } from "./host.ts";
import { linuxHost } from "./linux/linux-host.ts";
import { windowsHost } from "./windows/windows-host.ts";

export const thisHost: Host = process.platform === "win32" ? windowsHost : linuxHost;
