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

/** A span for people, in its largest fitting unit. */
export function spanText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  if (ms < 2 * 86_400_000) return `${Math.floor(ms / 3_600_000)} h`;
  return `${Math.floor(ms / 86_400_000)} d`;
}

/** How long ago, or how long until. */
export function whenText(at: Timestamp | undefined, now: number = Date.now()): string {
  if (at === undefined) return "";
  const ms = now - timestampMs(at);
  return ms >= 0 ? `${spanText(ms)} ago` : `in ${spanText(-ms)}`;
}
