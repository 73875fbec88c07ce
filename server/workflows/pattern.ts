// Regular expressions of authors, run by RE2 in time linear in the text: no look-around, no back-references, and no
// pattern that takes a second for forty characters. Both CEL's `matches` and JSON Schema's `pattern` come here.

import { RE2JS } from "@bufbuild/re2";
import { Kept } from "./kept.ts";
import { limits } from "./limits.ts";

export interface Pattern {
  /** Undefined when the text is too long for this pattern: the caller says what that means. */
  test(text: string): boolean | undefined;
  /** What testing `text` costs, in instructions times characters. */
  work(text: string): number;
}

const compiled = new Kept<Pattern>();

/** The pattern, or undefined when it is not a regular expression that RE2 takes. */
export function linearPattern(expression: string): Pattern | undefined {
  if (expression.length > limits.patternCharsMax) return undefined;
  return compiled.get(expression) ?? compile(expression);
}

function compile(expression: string): Pattern | undefined {
  let engine: RE2JS;
  try {
    engine = RE2JS.compile(expression);
  } catch {
    return undefined;
  }
  const instructions = engine.re2Input.prog.inst.length;
  const work = (text: string) => text.length * instructions;
  return compiled.put(expression, {
    work,
    test: (text) => (work(text) > limits.patternWorkMax ? undefined : engine.test(text)),
  });
}
