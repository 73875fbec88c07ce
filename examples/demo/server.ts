// The control plane of the demo: a `drover server` process on ports that are free, with its embedded database.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Child, startChild } from "./child.ts";
import type { Guard } from "./guarded.ts";

export interface DemoServer {
  readonly apiUrl: string;
  readonly agentUrl: string;
  readonly keyFile: string;
  readonly key: string;
}

/** The server's directory below the demo's, and its Postgres's directory below that. */
export const dataDirectory = (root: string): string => join(root, "server");
export const postgresDirectory = (root: string): string => join(dataDirectory(root), "postgres");

interface Serving {
  readonly msg?: unknown;
  readonly api?: unknown;
  readonly agents?: unknown;
}

/** Resolves when it serves; `began` is told of the process at once. */
export async function startDemoServer(root: string, guard: Guard, began: (child: Child) => void): Promise<DemoServer> {
  const data = dataDirectory(root);
  // The demo is about the database that comes along; one that the caller has elsewhere is left alone.
  const env = { ...process.env };
  delete env["DATABASE_URL"];
  const { promise: serving, resolve } = Promise.withResolvers<{ apiUrl: string; agentUrl: string }>();
  const child = startChild({
    args: ["server", "--data", data, "--port", "0", "--agent-port", "0"],
    env,
    cwd: root,
    logFile: join(root, "server.log"),
    guard,
    onLine(line) {
      const { msg, api, agents } = parsed(line);
      if (msg === "serving" && typeof api === "string" && typeof agents === "string") {
        resolve({ apiUrl: api, agentUrl: agents });
      }
    },
  });
  began(child);
  const failed = child.ended.then(({ code, lastWords }) => {
    throw new Error(`the server ended (${code ?? "killed"}) before it served:\n${lastWords}`);
  });
  const { apiUrl, agentUrl } = await Promise.race([serving, failed]);
  failed.catch(() => undefined);
  const keyFile = join(data, "admin.key");
  return { apiUrl, agentUrl, keyFile, key: readFileSync(keyFile, "utf8").trim() };
}

function parsed(line: string): Serving {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
