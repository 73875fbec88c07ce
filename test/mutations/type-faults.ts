// What the compiler has to say of a copy: a mutation must be a program, or its tests fail for the wrong reason.

import { spawn } from "node:child_process";
import { join } from "node:path";

/** Each fault without its line: those above it may have become more or fewer. */
export async function typeFaults(folder: string): Promise<Set<string>> {
  const words = [join(folder, "node_modules/typescript/bin/tsc"), "-p", folder, "--pretty", "false"];
  // What a mutation takes out may leave an import that nobody uses.
  const lenient = ["--noUnusedLocals", "false", "--noUnusedParameters", "false"];
  const again = ["--incremental", "--tsBuildInfoFile", join(folder, "node_modules/.mutations-types")];
  const child = spawn(process.execPath, [...words, ...lenient, ...again], {
    cwd: folder,
    stdio: ["ignore", "pipe", "ignore"],
  });
  let told = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    told += text;
  });
  await new Promise<void>((done, failed) => {
    child.once("error", failed);
    child.once("close", () => done());
  });
  const faults = told.split("\n").filter((line) => /error TS\d+/.test(line));
  return new Set(faults.map((line) => line.replace(/\(\d+,\d+\)/, "")));
}
