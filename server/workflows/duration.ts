// Durations and sizes as people write them: `250ms`, `10s`, `2m`, `8h`, `1GiB`.

const durationUnits: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizeUnits: Record<string, number> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** The duration in milliseconds, or undefined if it is not one. */
export const durationMs = (text: string): number | undefined => amount(text, durationUnits);

/** The size in bytes, or undefined if it is not one. */
export const sizeBytes = (text: string): number | undefined => amount(text, sizeUnits);

function amount(text: string, units: Record<string, number>): number | undefined {
  const [, number, unit] = /^(\d{1,9}(?:\.\d{1,3})?)\s?([A-Za-z]{1,3})$/.exec(text) ?? [];
  const factor = unit === undefined || !Object.hasOwn(units, unit) ? undefined : units[unit];
  return factor === undefined ? undefined : Math.round(Number(number) * factor);
}
