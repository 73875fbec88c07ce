// What the agent logs: JSON lines with ids, numbers and closed words. Never text, titles, keys or inputs (G10, G11);
// the field names are a closed list so that nothing else slips in.

import { writeSync } from "node:fs";

const STDERR = 2;

/** What a line may carry. */
export interface LogFields {
  readonly machineId?: string;
  readonly attemptId?: string;
  readonly commandNumber?: number;
  readonly epoch?: string;
  readonly action?: string;
  readonly category?: string;
  readonly code?: string;
  readonly durationMs?: number;
  readonly delayMs?: number;
  readonly dialNumber?: string;
  readonly pid?: number;
  /** Of a release of the agent. */
  readonly version?: string;
  readonly exit?: string;
  /** An error's own words, only for errors of the agent's plumbing, which know no screen and no input; or its trace. */
  readonly detail?: string;
}

export interface AgentLog {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** To stderr. Who reads the log may be gone, and there may be no place for it: that is no reason for an agent to end. */
export function logLine(line: string): void {
  try {
    writeSync(STDERR, line);
  } catch {
    // The line is lost.
  }
}

/** JSON lines on stderr; `machineId` is on each of them once it is known. */
export function jsonLog(machineId?: string, write: (line: string) => void = logLine): AgentLog {
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}) =>
      write(`${JSON.stringify({ time: new Date().toISOString(), level, message, machineId, ...fields })}\n`);
  return { info: at("info"), warn: at("warn"), error: at("error") };
}

/** The same for a person at a terminal. */
export function plainLog(write: (line: string) => void = logLine): AgentLog {
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}) => {
      const said = Object.entries(fields).map(([name, value]) => ` ${name}=${value}`);
      write(`${new Date().toISOString()} ${level} ${message}${said.join("")}\n`);
    };
  return { info: at("info"), warn: at("warn"), error: at("error") };
}

export const silentLog: AgentLog = { info() {}, warn() {}, error() {} };
