// Versions of applications, and ranges of them. Pure.
//
// A version is one to four numbers with dots between them; what is not said is 0: 4.2 and 4.2.0.0 are the same. All four count,
// also for `~` and `^`: Windows programs have four. A number has at most fifteen digits: beyond 2^53 different ones would compare as equal.

import { compareVersions } from "compare-versions";

const version = /^\d{1,15}(?:\.\d{1,15}){0,3}$/;
const comparator = /^([<>]=?|=|\^|~)?(\d{1,15}(?:\.\d{1,15}){0,3})$/;

/** Whether a text is a range: comparators with blanks between them, of which all hold, and `||` between alternatives. */
export const isVersionRange = (range: string): boolean =>
  alternatives(range).every((all) => all.length > 0 && all.every((each) => comparator.test(each)));

/** Whether the version is in the range. A version that nobody can compare, such as `4.2-beta`, is in none. */
export const isWithin = (given: string, range: string): boolean =>
  version.test(given) && alternatives(range).some((all) => all.length > 0 && all.every((each) => holds(given, each)));

const alternatives = (range: string): string[][] =>
  range.split("||").map((all) => all.split(" ").filter((each) => each !== ""));

function holds(given: string, text: string): boolean {
  const [, operator = "=", bound = ""] = comparator.exec(text) ?? [];
  if (bound === "") return false;
  const order = compareVersions(given, bound);
  switch (operator) {
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
    case "~":
      return order >= 0 && compareVersions(given, after(bound, 1)) < 0;
    case "^":
      return order >= 0 && compareVersions(given, after(bound, firstNotZero(bound))) < 0;
    default:
      return order === 0;
  }
}

/** The first version in which the number at `place`, or the last one that is said if that comes earlier, is higher. */
function after(bound: string, place: number): string {
  const numbers = bound.split(".").map(BigInt);
  const last = Math.min(place, numbers.length - 1);
  return [...numbers.slice(0, last), (numbers[last] ?? 0n) + 1n].join(".");
}

function firstNotZero(bound: string): number {
  const place = bound.split(".").findIndex((number) => BigInt(number) !== 0n);
  return place === -1 ? Number.POSITIVE_INFINITY : place;
}
