// Lists of steps, compiled: what a step is, what it changes (G4), what guards it (G3), and what it may be combined with.

import type { Effect } from "../rules/command.ts";
import type { Json } from "../rules/names.ts";
import { actions, type CompiledAction, type Kind, kinds } from "./actions.ts";
import { type Compiling, expression, value } from "./compiling.ts";
import { isObject } from "./contract.ts";
import { durationMs } from "./duration.ts";
import { checkEffect, defaultEffect, type Section } from "./effect.ts";
import { limits } from "./limits.ts";
import { didYouMean, type Path, type Report, showPath } from "./problem.ts";
import type { StepPlan, Template } from "./program.ts";
import { callFields, type Declared, foundFields, knownProperties, type Scope } from "./scope.ts";
import { stepRetry } from "./step-retry.ts";
import { conditions, windowPattern } from "./targets.ts";

type Mapping = { readonly [key: string]: Json };

/** What the steps of one source share. */
export interface StepsContext {
  readonly compiling: Omit<Compiling, "names">;
  /** True when the shape of something under this path is wrong: it has been reported, and is not compiled. */
  readonly broken: (path: Path, exceptUnder?: string) => boolean;
  /** Reports what is wrong with a call, and gives the inputs schema of the workflow called. */
  readonly callee: (name: string, path: Path) => Json | undefined;
  /** Sums over the source. */
  readonly count: { steps: number };
}

/** Whether one of `broken` is at or under a path; `exceptUnder` names a key whose inner parts are looked at on their own. */
export const brokenAt =
  (broken: readonly Path[]): StepsContext["broken"] =>
  (path, exceptUnder) =>
    broken.some(
      (each) =>
        path.every((part, index) => each[index] === part) &&
        !(exceptUnder !== undefined && each[path.length] === exceptUnder && each.length > path.length + 1),
    );

export function compileSteps(
  context: StepsContext,
  list: Json,
  path: Path,
  section: Section,
  scope: Scope | undefined,
  depth = 1,
): StepPlan[] {
  if (!Array.isArray(list)) return [];
  const plans: StepPlan[] = [];
  for (const [index, step] of (list as readonly Json[]).entries()) {
    // Too many is one problem, reported at the end; the rest would only cost time.
    if (context.count.steps > limits.stepsMax) break;
    const plan = compileOne(context, step, [...path, index], section, scope, depth);
    if (plan !== undefined) plans.push(plan);
  }
  return plans;
}

/** One step; undefined when something about it is wrong, and reported. */
export function compileOne(
  context: StepsContext,
  step: Json,
  at: Path,
  section: Section,
  scope: Scope | undefined,
  depth = 1,
): StepPlan | undefined {
  context.count.steps += 1;
  if (!isObject(step)) return undefined;
  const id = typeof step["id"] === "string" ? step["id"] : undefined;
  const declared: Declared = { fields: typeof step["call"] === "string" ? callFields : foundFields, kept: false };
  const plan = compileStep(context, step, at, section, scope, depth);
  // Declared after it is compiled: a step cannot speak of itself.
  if (id !== undefined) scope?.declare(id, declared);
  if (plan === undefined) return undefined;
  return {
    name: id ?? showPath(at),
    ...(id === undefined ? {} : { id }),
    ...plan,
    // Read when the whole source is compiled: a later expression may ask for it.
    get kept() {
      return declared.kept;
    },
  };
}

function compileStep(
  context: StepsContext,
  step: Mapping,
  path: Path,
  section: Section,
  scope: Scope | undefined,
  depth: number,
): Pick<StepPlan, "when" | "does"> | undefined {
  const c: Compiling = { ...context.compiling, names: scope };
  const named = [...kinds, "foreach", "call"].filter((kind) => Object.hasOwn(step, kind));
  const [kind] = named;
  if (kind === undefined || named.length > 1) {
    if (kind !== undefined || !context.broken(path)) {
      const remedy = `Write exactly one of ${kinds.join(", ")}, foreach, call.`;
      c.report(
        path,
        kind === undefined ? "The step does nothing." : `The step does several things: ${named.join(", ")}.`,
        remedy,
      );
    }
    return undefined;
  }
  if (context.broken(path, kind === "foreach" ? "steps" : undefined)) {
    if (kind === "foreach") compileLoop(context, c, step, path, section, scope, depth);
    return undefined;
  }
  const when = whenOf(c, step, path);
  if (kind === "foreach") return { ...when, does: compileLoop(context, c, step, path, section, scope, depth) };
  if (kind === "call") return { ...when, does: compileCall(context, c, step, path) };
  only(c.report, step, path, [kind, "id", "when", "timeout", "retry", "effect", "guard", "done", "in"], kind);
  return { ...when, does: compileAction(c, step, path, section, kind as Kind) };
}

function whenOf(c: Compiling, step: Mapping, path: Path): { when?: Template } {
  const { when } = step;
  if (when === undefined) return {};
  return { when: typeof when === "string" ? expression(c, when, [...path, "when"]) : when };
}

function only(report: Report, step: Mapping, path: Path, known: readonly string[], kind: string): void {
  for (const key of Object.keys(step)) {
    if (!known.includes(key))
      report([...path, key], `\`${key}\` does not go with \`${kind}\`.`, "Leave it out.", "key");
  }
}

function compileLoop(
  context: StepsContext,
  c: Compiling,
  step: Mapping,
  path: Path,
  section: Section,
  scope: Scope | undefined,
  depth: number,
): StepPlan["does"] {
  only(c.report, step, path, ["foreach", "as", "steps", "id", "when"], "foreach");
  const as = typeof step["as"] === "string" ? step["as"] : "item";
  if (scope?.variables.includes(as)) {
    c.report([...path, "as"], `\`${as}\` already means something here.`, "Choose another name with `as`.");
  }
  const { foreach, steps } = step;
  const items =
    typeof foreach === "string"
      ? expression(c, foreach, [...path, "foreach"])
      : value(c, foreach ?? [], [...path, "foreach"]);
  if (!Array.isArray(steps) || steps.length === 0) c.report(path, "The loop has no steps.", "Add `steps`.");
  if (depth >= limits.nestingMax) {
    c.report(path, `Loops are nested more than ${limits.nestingMax} deep.`, "Flatten the list in the inputs.");
    return { is: "foreach", items, as, steps: [] };
  }
  const inner = compileSteps(context, steps ?? [], [...path, "steps"], section, scope?.inside(as), depth + 1);
  return { is: "foreach", items, as, steps: inner };
}

function compileCall(context: StepsContext, c: Compiling, step: Mapping, path: Path): StepPlan["does"] {
  only(c.report, step, path, ["call", "with", "id", "when"], "call");
  const workflow = String(step["call"]);
  const given = isObject(step["with"]) ? step["with"] : {};
  const schema = context.callee(workflow, [...path, "call"]);
  const known = schema === undefined ? undefined : knownProperties(schema);
  for (const key of Object.keys(given)) {
    if (known === undefined || known.includes(key)) continue;
    c.report([...path, "with", key], `\`${workflow}\` has no input \`${key}\`.`, didYouMean(key, known, ""), "key");
  }
  const required = isObject(schema) && Array.isArray(schema["required"]) ? (schema["required"] as readonly Json[]) : [];
  for (const key of required) {
    if (typeof key === "string" && !Object.hasOwn(given, key)) {
      c.report(path, `\`${workflow}\` needs the input \`${key}\`.`, "Add it under `with`.");
    }
  }
  return { is: "call", workflow, with: value(c, given, [...path, "with"]) };
}

function compileAction(c: Compiling, step: Mapping, path: Path, section: Section, kind: Kind): StepPlan["does"] {
  const made: CompiledAction = actions[kind](c, step[kind] ?? null, [...path, kind]);
  const effect = (step["effect"] ?? defaultEffect(kind, section)) as Effect;
  const { guard, done } = step;
  const guards = guard === undefined || typeof guard === "string" ? [] : conditions(c, guard, [...path, "guard"]);
  const checks = done === undefined ? [] : conditions(c, done, [...path, "done"]);
  checkEffect(c.report, step, path, section, effect, kind);

  const keyboard = kind === "type" || kind === "press" || kind === "paste";
  if (step["in"] !== undefined && !keyboard) {
    c.report([...path, "in"], "`in` is for type, press and paste.", "Use `within` in the target.", "key");
  }
  const pictures = (JSON.stringify([made.action, guards, checks]).match(/"digest":/g) ?? []).length;
  if (pictures > limits.imagesPerCommandMax) {
    c.report(path, `One step shows at most ${limits.imagesPerCommandMax} pictures.`, "Split it into several steps.");
  }
  return {
    is: "action",
    kind,
    effect,
    timeoutMs: timeoutOf(c.report, step, path, made),
    ...doneTimeout(step),
    action: made.action,
    ...(step["in"] === undefined ? {} : { focus: windowPattern(c, step["in"], [...path, "in"]) }),
    ...(made.names === undefined ? {} : { names: made.names }),
    guard: guards,
    done: checks,
    retry: stepRetry(c.report, step["retry"], [...path, "retry"]),
  };
}

/** The time that `done` has after the action, when it says one. */
function doneTimeout({ done }: Mapping): { doneTimeoutMs?: number } {
  const ms = isObject(done) && typeof done["for"] === "string" ? durationMs(done["for"]) : undefined;
  return ms === undefined ? {} : { doneTimeoutMs: ms };
}

/** The action's own time, and what `done` adds to it: both are one deadline for the agent. */
function timeoutOf(report: Report, step: Mapping, path: Path, made: CompiledAction): number {
  const given = typeof step["timeout"] === "string" ? durationMs(step["timeout"]) : undefined;
  if (typeof step["timeout"] === "string" && made.timeoutMs !== undefined && made.action !== null) {
    report([...path, "timeout"], "The step's time is said twice.", "Keep `for` alone.", "key");
  }
  const own = made.timeoutMs ?? given ?? limits.stepTimeoutMs;
  const whole = own + (doneTimeout(step).doneTimeoutMs ?? 0);
  if (whole < 1 || whole > limits.stepTimeoutMaxMs) report(path, "A step takes between 1ms and 1h.", "Say less.");
  return whole;
}
