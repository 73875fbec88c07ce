// The client's commands, each in a process of its own, against an API in memory: what they say, and how they end.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { bundle } from "../../deploy/agent-build/bundle.ts";
import type { FakeApi } from "./fake-api.ts";
import { adminKey } from "./fake-services.ts";

const source = "test/sdk/client-program.ts";
let bundled: Promise<string> | undefined;

/** The client's commands as one file: many of them are started, and from their sources each would take four times as long. */
export function clientProgram(): Promise<string> {
  bundled ??= bundle(`import "./${source}";`).then((program) => {
    const dir = mkdtempSync(join(tmpdir(), "drover-client-"));
    process.once("exit", () => rmSync(dir, { recursive: true, force: true }));
    const file = join(dir, "client.cjs");
    writeFileSync(file, program);
    return file;
  });
  return bundled;
}

export interface Said {
  code: number | null;
  out: string;
  err: string;
}

/** What runs `drover <args>` in the folder. */
export const droverAt =
  (api: Pick<FakeApi, "url">, folder?: string) =>
  async (args: string[], settings: Record<string, string> = {}, input = ""): Promise<Said> => {
    const env = { PATH: process.env["PATH"], DROVER_SERVER: api.url, DROVER_KEY: adminKey, COLUMNS: "80", ...settings };
    const program = await clientProgram();
    const child = spawn(process.execPath, ["--no-warnings", program, ...args], { env, cwd: folder });
    child.stdin.end(input);
    const code = new Promise<number | null>((resolve) => child.once("exit", resolve));
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { code: await code, out, err };
  };
