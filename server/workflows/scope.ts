// What the expressions of a workflow can see: `inputs`, what earlier steps found as `steps.<id>`, and the items of the
// loops around them. A step inside a loop or a called workflow is seen from inside it only.

import type { Json } from "../rules/names.ts";
import { isObject } from "./contract.ts";
import type { Names, Wrong } from "./expression.ts";
import { didYouMean } from "./problem.ts";

/** What a step that found something can be asked. */
export const foundFields = ["text", "box", "score", "exit_code"] as const;
export const callFields = ["outputs"] as const;

/** A step that expressions may speak of. */
export interface Declared {
  readonly fields: readonly string[];
  /** Set when one does: only then is kept what it found. */
  kept: boolean;
}

export class Scope implements Names {
  readonly #inputs: Json;
  readonly #outer: Scope | undefined;
  readonly #steps = new Map<string, Declared>();
  readonly #item: string | undefined;
  /** Every id of the source, to tell "later" from "never". */
  readonly #ids: ReadonlySet<string>;

  constructor(inputs: Json, ids: ReadonlySet<string>, outer?: Scope, item?: string) {
    this.#inputs = inputs;
    this.#ids = ids;
    this.#outer = outer;
    this.#item = item;
  }

  inside(item: string): Scope {
    return new Scope(this.#inputs, this.#ids, this, item);
  }

  declare(id: string, step: Declared): void {
    this.#steps.set(id, step);
  }

  get variables(): string[] {
    return [...(this.#outer?.variables ?? ["inputs", "steps"]), ...(this.#item === undefined ? [] : [this.#item])];
  }

  member(variable: string, property: string | undefined, field: string | undefined): Wrong | undefined {
    if (variable === "inputs") return property === undefined ? undefined : this.#input(property);
    if (variable === "steps") return this.#step(property, field);
    return undefined;
  }

  #input(property: string): Wrong | undefined {
    const known = knownProperties(this.#inputs);
    if (known === undefined || known.includes(property)) return undefined;
    const remedy = didYouMean(property, known, "The workflow declares no inputs: add them under `inputs`.");
    return { message: `There is no input \`${property}\`.`, remedy };
  }

  #step(id: string | undefined, field: string | undefined): Wrong | undefined {
    if (id === undefined) return { message: "`steps` needs the id of a step.", remedy: "Write `steps.<id>.text`." };
    const step = this.#find(id);
    if (step === undefined) {
      if (this.#ids.has(id)) {
        const remedy = "Only steps before this one, in the same list or around it, can be asked.";
        return { message: `The step \`${id}\` has not run here.`, remedy };
      }
      const none = "Give the step an `id`.";
      return { message: `There is no step \`${id}\`.`, remedy: didYouMean(id, [...this.#visible()], none) };
    }
    step.kept = true;
    if (field === undefined || step.fields.includes(field)) return undefined;
    return { message: `A step has no \`${field}\`.`, remedy: didYouMean(field, step.fields, "") };
  }

  #find(id: string): Declared | undefined {
    const own = this.#steps.get(id);
    if (own !== undefined || this.#outer === undefined) return own;
    return this.#outer.#find(id);
  }

  *#visible(): Generator<string> {
    yield* this.#steps.keys();
    if (this.#outer) yield* this.#outer.#visible();
  }
}

/** The properties of a schema that says them all; undefined when there may be others. */
export function knownProperties(schema: Json): string[] | undefined {
  if (!isObject(schema)) return undefined;
  const open = ["$ref", "allOf", "anyOf", "oneOf", "if", "patternProperties", "dependentSchemas"];
  if (open.some((keyword) => Object.hasOwn(schema, keyword))) return undefined;
  if (schema["additionalProperties"] !== undefined && schema["additionalProperties"] !== false) return undefined;
  const { properties } = schema;
  return isObject(properties) ? Object.keys(properties) : undefined;
}
