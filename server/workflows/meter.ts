// The CEL environment of workflows, in which nothing runs away. CEL has no loops but `all`, `exists`, `map` and `filter`;
// their turns, every function call and the texts handled are counted against a budget.
//
// 1. Every loop asks `@turn` before each turn, which costs as much as its body has nodes; `@walk` bounds the list walked.
//    When the budget is gone the loop's own condition is an error, which CEL's `||` and `&&` cannot swallow, so that every
//    loop ends.
// 2. Every function is wrapped: it is charged for what it is given, and may not make a text that is too long.
// 3. Regular expressions are RE2's, with a bound on length times instructions.

import {
  type CelFunc,
  CelScalar,
  type CelValue,
  celEnv,
  celFunc,
  celList,
  celMethod,
  isCelError,
  isCelList,
  isCelMap,
  listType,
} from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";
import { limits } from "./limits.ts";
import { linearPattern } from "./pattern.ts";
import { weight } from "./value.ts";

/** Work that is left, in units of about a microsecond. */
export interface Work {
  left: number;
}

let work: Work = { left: 0 };

/** Runs `evaluate` against `given`, which is used up. Evaluation is synchronous, so one at a time. */
export function metered<Result>(given: Work, evaluate: () => Result): Result {
  const before = work;
  // CEL's errors are values, made by the thousand in a loop and shown to nobody: a stack each would be most of the time.
  const frames = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  work = given;
  try {
    return evaluate();
  } finally {
    work = before;
    Error.stackTraceLimit = frames;
  }
}

function charge(units: number): void {
  work.left -= units;
  if (work.left < 0) throw new Error("over budget");
}

const { BOOL, DOUBLE, DYN, INT, STRING } = CelScalar;
const LIST = listType(DYN);

/** `format` and `quote` can make texts of any length from a few characters. */
const withheld = new Set(["format", "strings.quote"]);
const fromText = new Set(["int", "uint", "double", "bool", "timestamp", "duration"]);
const deep = new Set(["_==_", "_!=_", "@in", "_in_"]);

function metering(func: CelFunc): CelFunc {
  const call = (target: CelValue | undefined, args: CelValue[]): CelValue => {
    const all = target === undefined ? args : [target, ...args];
    charge(func.name.startsWith("get") ? 200 : 1);
    for (const value of all) {
      if (deep.has(func.name)) charge(weight(value, work.left));
      else if (typeof value === "string") charge(value.length / 16);
      else if (isCelList(value)) charge(value.size / 16);
      if (fromText.has(func.name) && typeof value === "string" && value.length > 1024) throw new Error("over budget");
    }
    boundMaking(func.name, target, args);
    const result = func.call(0, target, args);
    if (isCelError(result)) throw result;
    if (result === undefined) throw new Error("no such overload");
    if (typeof result === "string" && result.length > limits.madeCharsMax) throw new Error("over budget");
    return result;
  };
  return func.target === undefined
    ? celFunc(func.name, func.arguments, func.result, (...args) => call(undefined, args as CelValue[]))
    : celMethod(func.name, func.target, func.arguments, func.result, function (...args) {
        return call(this as CelValue, args as CelValue[]);
      });
}

/** `replace` and `join` make more than they are given: bounded before they do. */
function boundMaking(name: string, target: CelValue | undefined, args: CelValue[]): void {
  let chars = 0;
  if (name === "replace" && typeof target === "string") {
    const [needle, replacement] = args;
    if (typeof needle === "string" && typeof replacement === "string") {
      chars = target.length + target.split(needle).length * replacement.length;
    }
  } else if (name === "join" && isCelList(target)) {
    const between = typeof args[0] === "string" ? args[0].length : 0;
    for (const item of target) chars += between + (typeof item === "string" ? item.length : 0);
  }
  charge(chars / 16);
  if (chars > limits.madeCharsMax) throw new Error("over budget");
}

/** Lists made here, with the array behind them: appending to one is a plain copy, not a chain that is walked each time. */
const arrays = new WeakMap<object, CelValue[]>();

const concatenate = celFunc("_+_", [LIST, LIST], LIST, (left, right) => {
  charge(1 + (left.size + right.size) / 64);
  if (left.size + right.size > limits.madeCharsMax) throw new Error("over budget");
  const items = (arrays.get(left) ?? [...left]).concat(arrays.get(right) ?? [...right]);
  const list = celList(items);
  arrays.set(list, items);
  return list;
});

const matches = celMethod("matches", STRING, [STRING], BOOL, function (expression) {
  const pattern = linearPattern(expression);
  if (pattern === undefined) throw new Error("not a regular expression");
  charge(20 + pattern.work(this) / 40);
  return pattern.test(this) === true;
});

/** Inputs are JSON, where 2 and 2.5 are both numbers: arithmetic between an int and a double gives a double. */
const mixed = (
  [
    ["_+_", (a: number, b: number) => a + b],
    ["_-_", (a: number, b: number) => a - b],
    ["_*_", (a: number, b: number) => a * b],
    ["_/_", (a: number, b: number) => a / b],
  ] as const
).flatMap(([name, compute]) => [
  celFunc(name, [INT, DOUBLE], DOUBLE, (a, b) => compute(Number(a), b)),
  celFunc(name, [DOUBLE, INT], DOUBLE, (a, b) => compute(a, Number(b))),
]);

const turn = celFunc("@turn", [DYN, INT], DYN, (condition, nodes) => {
  charge(Number(nodes));
  return condition;
});

const walk = celFunc("@walk", [DYN], DYN, (range) => {
  const size = isCelList(range) || isCelMap(range) ? range.size : 0;
  if (size > limits.itemsMax) throw new Error("over budget");
  charge(size);
  return range;
});

const plain = celEnv({ funcs: [...strings, ...mixed] });

export const environment = celEnv({
  funcs: [
    ...[...plain.funcs].filter(({ name }) => !withheld.has(name)).map(metering),
    ...[...strings].filter(({ name }) => !withheld.has(name)).map(metering),
    concatenate,
    matches,
    turn,
    walk,
  ],
});

/** Functions that an expression may call by name. */
export const functionNames: readonly string[] = [...new Set([...environment.funcs].map(({ name }) => name))].filter(
  (name) => /^[a-z]\w*$/i.test(name),
);
