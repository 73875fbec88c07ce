// A program for a host to start: it says what it was given, writes much, starts another one that goes on, or waits for
// the end of its channel.

import { spawn } from "node:child_process";
import { writeFileSync, writeSync } from "node:fs";

const [does, ...given] = process.argv.slice(2);
const [first = ""] = given;

switch (does) {
  case "say":
    writeSync(1, JSON.stringify(given));
    break;
  case "write": {
    const bytes = Buffer.alloc(Number(first), "x");
    for (let written = 0; written < bytes.length; ) written += writeSync(1, bytes.subarray(written));
    process.exit(3);
    break;
  }
  case "environment":
    writeSync(1, JSON.stringify(Object.keys(process.env)));
    break;
  case "parent": {
    const program = process.argv[1] ?? "";
    const child = spawn(process.execPath, [program, "child", first], { detached: true, stdio: "ignore" });
    writeFileSync(`${first}.pid`, `${child.pid}`);
    setInterval(() => {}, 1000);
    break;
  }
  case "supervised":
    process.once("disconnect", () => process.exit(5));
    process.send?.("ready");
    break;
  case "child": {
    let count = 0;
    setInterval(() => writeFileSync(first, `${++count}`), 20);
  }
}
