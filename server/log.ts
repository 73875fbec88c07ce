// The log of the control plane: JSON lines, or lines for a person when stderr is a terminal. What goes in is ids, counts and
// closed words (G10, G11); the places that log see to that, and `errorText` for errors.

import { pino } from "pino";
import pretty from "pino-pretty";
import type { Log } from "./engine/context.ts";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

export function openLog(level: LogLevel, name: Readonly<Record<string, string>>): Log {
  const base = {
    level,
    base: name,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (l: string) => ({ level: l }) },
  };
  const logger = process.stderr.isTTY
    ? pino(base, pretty({ destination: 2, sync: true, ignore: "replica" }))
    : pino(base, pino.destination({ dest: 2, sync: true }));
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
  };
}
