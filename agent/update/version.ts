// The order of the agent's versions, as Semantic Versioning 2.0.0 has it. Pure. Versions with build metadata are none
// here: two of them would be equal and yet differ.

const pattern =
  /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(?:-([0-9A-Za-z-]{1,32}(?:\.[0-9A-Za-z-]{1,32}){0,7}))?$/;

/** Whether it can be compared, and be the name of a folder. */
export const isVersion = (text: string): boolean => text.length <= 64 && pattern.test(text);

/** Whether `version` is to replace `than`, and not the other way round. What cannot be compared replaces nothing. */
export function isNewer(version: string, than: string): boolean {
  const [one, other] = [parse(version), parse(than)];
  if (one === undefined || other === undefined) return false;
  for (const [index, number] of one.numbers.entries()) {
    const difference = number - (other.numbers[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  // 1.0.0-rc.1 comes before 1.0.0.
  if (one.before.length === 0 || other.before.length === 0) return one.before.length < other.before.length;
  return comesLater(one.before, other.before);
}

function parse(version: string) {
  const [, major, minor, patch, before] = (isVersion(version) && pattern.exec(version)) || [];
  if (major === undefined) return undefined;
  return { numbers: [Number(major), Number(minor), Number(patch)], before: before?.split(".") ?? [] };
}

function comesLater(one: readonly string[], other: readonly string[]): boolean {
  for (let index = 0; index < Math.max(one.length, other.length); index++) {
    const [a, b] = [one[index], other[index]];
    // The longer one of two that are otherwise equal is later.
    if (a === undefined || b === undefined) return b === undefined;
    if (a === b) continue;
    const [aNumeric, bNumeric] = [/^\d+$/.test(a), /^\d+$/.test(b)];
    if (aNumeric && bNumeric && Number(a) !== Number(b)) return Number(a) > Number(b);
    // Numbers come before words.
    return aNumeric === bNumeric ? a > b : bNumeric;
  }
  return false;
}
