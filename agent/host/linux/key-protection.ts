// The machine's key lies in clear in a file that only the agent's user can read.

import type { KeyProtection } from "../host.ts";

export const keyProtection: KeyProtection = {
  field: "machineKey",
  protect: (key) => key,
  reveal: (kept) => kept,
  shownByMode: (mode) => (mode & 0o077) !== 0,
};
