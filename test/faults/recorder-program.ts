// Writes each byte of its terminal into a file, with the time: what really reached a window of the desktop, and when.

import { openSync, writeSync } from "node:fs";

const file = openSync(process.argv[2] ?? "", "a");
process.stdin.on("data", (bytes: Buffer) => {
  for (const byte of bytes) writeSync(file, `${Date.now()} ${byte}\n`);
});
