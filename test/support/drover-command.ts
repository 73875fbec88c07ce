// The client's commands, each in a process of its own, against an API in memory: what they say, and how they end.

import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { FakeApi } from "./fake-api.ts";
import { adminKey } from "./fake-services.ts";

export const clientProgram = fileURLToPath(new URL("../sdk/client-program.ts", import.meta.url));

export interface Said {
  code: number | null;
  out: string;
  err: string;
}

/** What runs `drover <args>` in the folder. */
export const droverAt =
  (api: FakeApi, folder?: string) =>
  async (args: string[], settings: Record<string, string> = {}, input = ""): Promise<Said> => {
    const env = { PATH: process.env["PATH"], DROVER_SERVER: api.url, DROVER_KEY: adminKey, COLUMNS: "80", ...settings };
    const child = spawn(process.execPath, ["--no-warnings", clientProgram, ...args], { env, cwd: folder });
    child.stdin.end(input);
    const code = new Promise<number | null>((resolve) => child.once("exit", resolve));
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { code: await code, out, err };
  };
