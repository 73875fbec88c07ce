// What an operator can set, checked before anything starts. A wrong setting is one clear line and exit 2.

import { accessSync, constants, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { createSecureContext } from "node:tls";
import { isLoopback } from "./api/server.ts";
import { type LogLevel, logLevels } from "./log.ts";

/** A setting that cannot be used. The message is one line: what is wrong, and what to do. */
export class SettingError extends Error {
  override readonly name = "SettingError";
}

/** As given on the command line. */
export interface ServerFlags {
  readonly data?: string;
  readonly host: string;
  readonly port: string;
  readonly agentHost?: string;
  readonly agentPort: string;
  readonly agentAddress?: string;
  readonly downloads: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly insecure?: boolean;
  readonly origin?: readonly string[];
  readonly logLevel: string;
}

export interface ServerSettings {
  /** An external Postgres; absent: the embedded one, below `dataDirectory`. */
  readonly databaseUrl?: string;
  /** Database, artifacts and the first admin key. */
  readonly dataDirectory: string;
  readonly host: string;
  readonly port: number;
  readonly agentHost: string;
  readonly agentPort: number;
  /** What agents are told to dial when another replica stops; absent: host and port as listened on. */
  readonly agentAddress?: string;
  /** Agents that may download a release at the same time. */
  readonly downloadsMax: number;
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
  readonly insecure: boolean;
  readonly origins: readonly string[];
  readonly logLevel: LogLevel;
}

export function readServerSettings(flags: ServerFlags, env: NodeJS.ProcessEnv): ServerSettings {
  const { DATABASE_URL: databaseUrl } = env;
  if (databaseUrl !== undefined && !/^postgres(ql)?:\/\//.test(databaseUrl)) {
    throw new SettingError("DATABASE_URL must be a URL that begins with postgres://");
  }
  const logLevel = logLevels.find((level) => level === flags.logLevel);
  if (logLevel === undefined) throw new SettingError(`--log-level must be one of ${logLevels.join(", ")}`);
  const agentHost = flags.agentHost ?? flags.host;
  const tls = readTls(flags);
  const insecure = flags.insecure ?? false;
  for (const [option, host] of [
    ["--host", flags.host],
    ["--agent-host", agentHost],
  ] as const) {
    if (tls === undefined && !insecure && !isLoopback(host)) {
      throw new SettingError(
        `${option} ${host} is not served without TLS: give --tls-cert and --tls-key, use 127.0.0.1, or allow it with --insecure`,
      );
    }
  }
  const { agentAddress } = flags;
  if (agentAddress !== undefined && !/^https?:\/\/[^/]+\/?$/.test(agentAddress)) {
    throw new SettingError(`--agent-address must be a URL such as https://drover.example:7401, not ${agentAddress}`);
  }
  return {
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
    dataDirectory: resolve(flags.data ?? join(homedir(), ".drover")),
    host: flags.host,
    port: port("--port", flags.port),
    agentHost,
    agentPort: port("--agent-port", flags.agentPort),
    ...(flags.agentAddress === undefined ? {} : { agentAddress: flags.agentAddress }),
    downloadsMax: downloads(flags.downloads),
    ...(tls === undefined ? {} : { tls }),
    insecure,
    origins: flags.origin ?? [],
    logLevel,
  };
}

function port(option: string, text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > 65_535)
    throw new SettingError(`${option} must be a number from 0 to 65535, not ${text}`);
  return number;
}

function downloads(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > 1_000)
    throw new SettingError(`--downloads must be a number from 1 to 1000, not ${text}`);
  return number;
}

function readTls({ tlsCert, tlsKey }: ServerFlags): { cert: Buffer; key: Buffer } | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new SettingError("--tls-cert and --tls-key go together: give both, or neither");
  }
  const pair = { cert: readPem("--tls-cert", tlsCert), key: readPem("--tls-key", tlsKey) };
  try {
    createSecureContext(pair);
  } catch {
    throw new SettingError("--tls-cert and --tls-key are not a PEM certificate and the key that belongs to it");
  }
  return pair;
}

function readPem(option: string, path: string): Buffer {
  try {
    accessSync(path, constants.R_OK);
    return readFileSync(path);
  } catch {
    throw new SettingError(`${option}: ${path} cannot be read`);
  }
}
