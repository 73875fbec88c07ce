// One CEL expression: parsed and checked when the workflow is put, evaluated when its step's turn comes. An error of
// evaluation says which expression, never what it was given (G11).

import { isCelError, parse, plan } from "@bufbuild/cel";
import type { Failure } from "../rules/failure.ts";
import type { Json } from "../rules/names.ts";
import { Kept } from "./kept.ts";
import { limits } from "./limits.ts";
import { environment, functionNames, metered, type Work } from "./meter.ts";
import { didYouMean } from "./problem.ts";
import { toCel, toJson } from "./value.ts";

export type Expr = ReturnType<typeof parse>["expr"];

/** What an expression can see when it is checked. */
export interface Names {
  /** What may follow a variable: `inputs.<property>`. Says what is wrong, or nothing. */
  member(variable: string, property: string | undefined, field: string | undefined): Wrong | undefined;
  readonly variables: readonly string[];
}

export interface Wrong {
  readonly message: string;
  readonly remedy: string;
}

const wrong = (message: string, remedy: string): Wrong => ({ message, remedy });

/** Everything that is wrong with an expression. */
export function checkExpression(text: string, names: Names): Wrong[] {
  if (text.trim() === "") return [wrong("The expression is empty.", "Write `$${` for the characters `${` themselves.")];
  if (text.length > limits.expressionCharsMax) {
    return [wrong(`The expression is longer than ${limits.expressionCharsMax} characters.`, "Split it over steps.")];
  }
  if (bracketDepth(text) > limits.expressionDepthMax) return [tooDeep];
  let expression: Expr;
  try {
    expression = parse(text).expr;
  } catch (error) {
    if (error instanceof RangeError) return [tooDeep];
    const said = error instanceof Error ? error.message.replace(/^<input>:\d+:/, "").slice(0, 200) : "";
    return [wrong(`The expression is not CEL (character ${said}).`, "See the language at cel.dev.")];
  }
  const found: Wrong[] = [];
  const size = check(expression, names, new Set(), { depth: 0, loops: 0 }, found);
  if (size > limits.expressionNodesMax) found.push(wrong("The expression is too large.", "Split it over steps."));
  return found.slice(0, 10);
}

const tooDeep = wrong("The expression is nested too deeply.", `Use at most ${limits.expressionDepthMax} levels.`);

const typeNames = new Set(["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"]);

/** Checks a tree and returns its size. */
function check(
  expr: Expr | undefined,
  names: Names,
  locals: ReadonlySet<string>,
  at: { depth: number; loops: number },
  found: Wrong[],
): number {
  if (expr === undefined) return 0;
  if (at.depth > limits.expressionNodesMax) {
    found.push(tooDeep);
    return 0;
  }
  const below = { depth: at.depth + 1, loops: at.loops };
  const all = (list: readonly (Expr | undefined)[]) =>
    list.reduce((sum, each) => sum + check(each, names, locals, below, found), 1);
  const path = memberPath(expr);
  if (path !== undefined && !locals.has(path[0]) && names.variables.includes(path[0])) {
    const problem = names.member(path[0], path[1], path[2]);
    if (problem !== undefined) found.push(problem);
    return path.length;
  }
  const kind = expr.exprKind;
  switch (kind.case) {
    case "identExpr": {
      const { name } = kind.value;
      if (!locals.has(name) && !name.startsWith("@") && !typeNames.has(name)) {
        found.push(wrong(`There is no variable \`${name}\` here.`, didYouMean(name, names.variables, "")));
      }
      return 1;
    }
    case "selectExpr":
      return all([kind.value.operand]);
    case "callExpr": {
      const { function: called, target, args } = kind.value;
      if (/^[a-z]\w*$/i.test(called) && !functionNames.includes(called)) {
        found.push(wrong(`There is no function \`${called}\`.`, didYouMean(called, functionNames, "")));
      }
      const [pattern] = args;
      if (called === "matches" && pattern?.exprKind.case === "constExpr") {
        const { constantKind } = pattern.exprKind.value;
        if (constantKind.case === "stringValue" && constantKind.value.length > limits.patternCharsMax) {
          found.push(wrong("The regular expression is too long.", `Use at most ${limits.patternCharsMax} characters.`));
        }
      }
      return all([target, ...args]);
    }
    case "listExpr":
      return all(kind.value.elements);
    case "structExpr":
      if (kind.value.messageName !== "")
        found.push(wrong("Messages cannot be made here.", "Make a map: `{'key': value}`."));
      return all(
        kind.value.entries.flatMap((entry) => [
          entry.keyKind.case === "mapKey" ? entry.keyKind.value : undefined,
          entry.value,
        ]),
      );
    case "comprehensionExpr": {
      const loop = kind.value;
      if (at.loops >= limits.comprehensionDepthMax) {
        found.push(
          wrong("The loops are nested too deeply.", `Use at most ${limits.comprehensionDepthMax} inside each other.`),
        );
        return 1;
      }
      const inner = new Set([...locals, loop.iterVar, loop.iterVar2, loop.accuVar]);
      const inside = { depth: at.depth + 1, loops: at.loops + 1 };
      const body = [loop.loopCondition, loop.loopStep, loop.result];
      return all([loop.iterRange, loop.accuInit]) + body.reduce((n, e) => n + check(e, names, inner, inside, found), 0);
    }
    default:
      return 1;
  }
}

/** `a.b.c` or `a['b'].c` as its words; undefined words are computed ones. Only the first three matter. */
function memberPath(expr: Expr): [string, ...(string | undefined)[]] | undefined {
  const kind = expr.exprKind;
  if (kind.case === "identExpr") return [kind.value.name];
  if (kind.case === "selectExpr" && kind.value.operand !== undefined) {
    const before = memberPath(kind.value.operand);
    return before === undefined ? undefined : [...before, kind.value.field];
  }
  if (kind.case === "callExpr" && kind.value.function === "_[_]") {
    const [operand, key] = kind.value.args;
    const before = operand === undefined ? undefined : memberPath(operand);
    if (before === undefined || key?.exprKind.case !== "constExpr") return undefined;
    const { constantKind } = key.exprKind.value;
    return [...before, constantKind.case === "stringValue" ? constantKind.value : undefined];
  }
  return undefined;
}

/** Brackets inside each other, counted before the parser recurses. */
function bracketDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const character of text) {
    if ("([{".includes(character)) deepest = Math.max(deepest, ++depth);
    else if (")]}".includes(character)) depth -= 1;
  }
  return deepest;
}

/** The variables of an evaluation, as JSON. */
export type Variables = { readonly [name: string]: Json };

export type Evaluated = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly failure: Failure };

type Evaluate = ReturnType<typeof plan>;
const planned = new Kept<Evaluate>();

/** Evaluates an expression that was checked. `place` is where it is written; `left` is the step's budget. */
export function evaluate(text: string, place: string, variables: Variables, left: Work): Evaluated {
  const refuse = (why: string): Evaluated => ({
    ok: false,
    failure: { category: "EXPRESSION_ERROR", message: `The expression at ${place} ${why}.` },
  });
  const own: Work = { left: Math.min(limits.workPerExpressionMax, left.left) };
  const given = own.left;
  try {
    const run = planned.get(text) ?? planned.put(text, plan(environment, countTurns(parse(text).expr)));
    const bindings: Record<string, ReturnType<typeof toCel>> = Object.create(null);
    for (const [name, value] of Object.entries(variables)) bindings[name] = toCel(value);
    const result = metered(own, () => run(bindings));
    if (own.left < 0) return refuse("is more work than its budget allows");
    if (isCelError(result)) return refuse("could not be evaluated");
    const value = toJson(result);
    return value === undefined ? refuse("does not come to a value that JSON has") : { ok: true, value };
  } catch {
    return refuse("could not be evaluated");
  } finally {
    left.left -= given - own.left;
  }
}

/** Puts `@turn` and `@walk` into every loop of a tree that was just parsed and belongs to nobody else. */
function countTurns(expr: Expr): Expr {
  rewrite(expr);
  return expr;
}

function rewrite(expr: Expr | undefined): number {
  if (expr === undefined) return 0;
  const kind = expr.exprKind;
  const sum = (list: readonly (Expr | undefined)[]) => list.reduce((total, each) => total + rewrite(each), 1);
  switch (kind.case) {
    case "selectExpr":
      return sum([kind.value.operand]);
    case "callExpr":
      return sum([kind.value.target, ...kind.value.args]);
    case "listExpr":
      return sum(kind.value.elements);
    case "structExpr":
      return sum(
        kind.value.entries.flatMap((e) => [e.keyKind.case === "mapKey" ? e.keyKind.value : undefined, e.value]),
      );
    case "comprehensionExpr": {
      const loop = kind.value;
      const body = sum([loop.loopCondition, loop.loopStep]);
      const around = sum([loop.iterRange, loop.accuInit, loop.result]);
      if (loop.loopCondition) loop.loopCondition = callOf("@turn", expr.id, [loop.loopCondition, whole(body, expr.id)]);
      if (loop.iterRange) loop.iterRange = callOf("@walk", expr.id, [loop.iterRange]);
      return body + around;
    }
    default:
      return 1;
  }
}

const callOf = (name: string, id: bigint, args: Expr[]): Expr => ({
  $typeName: "cel.expr.Expr",
  id,
  exprKind: { case: "callExpr", value: { $typeName: "cel.expr.Expr.Call", function: name, args } },
});

const whole = (value: number, id: bigint): Expr => ({
  $typeName: "cel.expr.Expr",
  id,
  exprKind: {
    case: "constExpr",
    value: { $typeName: "cel.expr.Constant", constantKind: { case: "int64Value", value: BigInt(value) } },
  },
});
