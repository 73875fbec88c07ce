// Spans of time as people write and read them: 90s, 2h; "3 min ago".

import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { InvalidArgumentError } from "commander";

const unitMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "90s", "15m", "2h", "7d" in milliseconds; for options. */
export function spanMs(text: string): number {
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(amount) * (unitMs[unit] ?? Number.NaN);
  if (!(ms > 0)) throw new InvalidArgumentError("Write it like 90s, 15m, 2h or 7d.");
  return ms;
}

/** A span for people, in its largest fitting unit, rounded to the nearest: what is 2 h when asked for is 2 h a second on. */
export function spanText(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const minutes = Math.round(ms / 60_000);
  const hours = Math.round(ms / 3_600_000);
  if (Math.round(ms) < 1_000) return `${Math.round(ms)} ms`;
  if (seconds < 60) return `${ms < 9_950 ? (ms / 1_000).toFixed(1) : seconds} s`;
  if (minutes < 60) return `${minutes} min`;
  if (hours < 48) return `${hours} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/** "+2h" from now, or a moment like 2026-03-01T06:00Z, without a zone on this computer's clock; for options. */
export function momentAt(text: string): Date {
  if (text.startsWith("+")) return new Date(Date.now() + spanMs(text.slice(1)));
  const at = new Date(text);
  const [, day] = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? [];
  if (day !== undefined && !Number.isNaN(at.getTime())) {
    // The 30th of February would be a day in March.
    if (new Date(`${day}T00:00Z`).toISOString().startsWith(day)) return at;
    throw new InvalidArgumentError(`There is no ${day}.`);
  }
  throw new InvalidArgumentError("Write it like +2h, 2026-03-01T06:00 or 2026-03-01T06:00Z.");
}

/** Whether it is still to come. */
export const isAhead = (at: Timestamp | undefined, now: number = Date.now()): at is Timestamp =>
  at !== undefined && timestampMs(at) > now;

/** How long ago, or how long until. */
export function whenText(at: Timestamp | undefined, now: number = Date.now()): string {
  if (at === undefined) return "";
  const ms = now - timestampMs(at);
  return ms >= 0 ? `${spanText(ms)} ago` : `in ${spanText(-ms)}`;
}

/** For how long. */
export const sinceText = (at: Timestamp | undefined, now: number = Date.now()): string =>
  at === undefined ? "" : spanText(Math.max(0, now - timestampMs(at)));
