// Evaluates an expression that was checked, within a budget. An error says which expression, never what it was given (G11).

import { isCelError, parse, plan } from "@bufbuild/cel";
import type { Failure } from "../rules/failure.ts";
import type { Json } from "../rules/names.ts";
import type { Expr } from "./expression.ts";
import { Kept } from "./kept.ts";
import { limits } from "./limits.ts";
import { environment, metered, type Work } from "./meter.ts";
import { toCel, toJson } from "./value.ts";

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
