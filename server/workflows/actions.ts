// The actions of a source, compiled to those of `rules/command.ts`, in short and long forms.
//
// The current window (G3): a step that names a window - `focus`, a `click` on a window or within one, a `wait` for one -
// makes that the current window once it has succeeded, and the keyboard steps after it (`type`, `press`, `paste`) belong
// to it: each carries the pattern, and the agent types nothing while another window is active. A step's own `in` comes
// first. Nothing else changes it: a `press` that is expected to open or close a window does not, so that the next
// keyboard step must say, by a `wait` or `in`, which window it means. Within a loop or a called workflow the rule is the
// same; a called workflow begins with no current window, and its caller goes on with its own.

import type { Action } from "../rules/command.ts";
import type { Json } from "../rules/names.ts";
import { type Compiling, chord, text, typed, words } from "./compiling.ts";
import { isObject } from "./contract.ts";
import { durationMs } from "./duration.ts";
import { limits } from "./limits.ts";
import type { Path } from "./problem.ts";
import type { Template } from "./program.ts";
import { conditions, soleWindow, target, windowOfConditions, windowOfTarget, windowPattern } from "./targets.ts";

export type Kind = Exclude<Action["is"], "prove" | "end-application">;

export interface CompiledAction {
  readonly action: Template;
  /** The window that it makes the current one. */
  readonly names?: Template;
  /** Its time, where its own words say it: `wait: { …, for: 10s }`. */
  readonly timeoutMs?: number;
}

type Compile = (c: Compiling, value: Json, path: Path) => CompiledAction;
type Mapping = { readonly [key: string]: Json };

const mapping = (value: Json): Mapping => (isObject(value) ? value : {});
const named = (window: Template | undefined) => (window === undefined ? {} : { names: window });

export const actions: { readonly [kind in Kind]: Compile } = {
  launch: (c, value, path) => ({ action: { is: "launch", command: command(c, value, path) } }),
  close: (c, value, path) => ({ action: { is: "close", window: soleWindow(c, value, path) } }),
  focus(c, value, path) {
    const window = soleWindow(c, value, path);
    return { action: { is: "focus", window }, names: window };
  },
  click(c, value, path) {
    const { button, count, ...rest } = mapping(value);
    const where = target(c, rest, path);
    const action = { is: "click", target: where, button: button ?? "left", count: count ?? 1 };
    return { action, ...named(windowOfTarget(where)) };
  },
  move: (c, value, path) => ({ action: { is: "move", target: target(c, mapping(value), path) } }),
  drag(c, value, path) {
    const { from, to } = mapping(value);
    return {
      action: {
        is: "drag",
        from: target(c, mapping(from ?? null), [...path, "from"]),
        to: target(c, mapping(to ?? null), [...path, "to"]),
      },
    };
  },
  scroll(c, value, path) {
    const { up, down, left, right, ...rest } = mapping(value);
    const notches = (more: Json | undefined, less: Json | undefined) => Number(more ?? 0) - Number(less ?? 0);
    const [dx, dy] = [notches(right, left), notches(down, up)];
    if (dx === 0 && dy === 0) c.report(path, "This turns no wheel.", "Say `down: 3`, or up, left or right.");
    return { action: { is: "scroll", target: target(c, rest, path), dx, dy } };
  },
  type: (c, value, path) => ({ action: { is: "type", text: ownText(c, value, path, "text", typed) } }),
  press(c, value, path) {
    const keys = ownText(c, value, path, "keys", chord);
    if (typeof keys === "string" && keys !== "" && !/^[^+\s]+(\+[^+\s]+)*$/.test(keys)) {
      c.report(path, "This is not a chord.", "Join keys by `+`, such as `ctrl+shift+s`; the key + itself is `plus`.");
    }
    return { action: { is: "press", chord: keys } };
  },
  paste(c, value, path) {
    c.used.capabilities.add("clipboard");
    return { action: { is: "paste", text: ownText(c, value, path, "text", typed) } };
  },
  wait(c, value, path) {
    const list = conditions(c, value, path);
    const given = isObject(value) ? value["for"] : undefined;
    const timeoutMs = typeof given === "string" ? durationMs(given) : undefined;
    const action = { is: "wait", conditions: list };
    return { action, ...named(windowOfConditions(list)), ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  },
  read: (c, value, path) => ({ action: { is: "read", from: readSource(c, value, path) } }),
  assert: (c, value, path) => ({ action: { is: "assert", conditions: conditions(c, value, path) } }),
  screenshot(c, value, path) {
    if (value === false)
      c.report(path, "This takes no screenshot.", "Write `screenshot: true`, or leave the step out.");
    return { action: { is: "screenshot" } };
  },
  exec(c, value, path) {
    c.used.capabilities.add("exec");
    const [name, ...rest] = command(c, value, path);
    if (typeof name !== "string") {
      c.report(path, "The command's name cannot be an expression.", "It must be on the machine's own allow-list.");
    }
    return { action: { is: "exec", name: typeof name === "string" ? name : "", arguments: rest } };
  },
  pause(c, value, path) {
    const given = isObject(value) ? value["for"] : value;
    const durationPath = isObject(value) ? [...path, "for"] : path;
    const ms = typeof given === "string" ? durationMs(given) : undefined;
    if (ms === undefined || ms < 1 || ms > limits.pauseMaxMs) {
      c.report(durationPath, "A pause is between 1ms and 5m.", "Write `500ms`; better, wait for a condition.");
    }
    return { action: { is: "pause", durationMs: ms ?? 0 }, timeoutMs: (ms ?? 0) + 5000 };
  },
};

export const kinds = Object.keys(actions) as Kind[];

/** A text in its short form (`type: hello`) or its long one (`type: { text: hello }`). */
function ownText(c: Compiling, value: Json, path: Path, key: string, rules: typeof typed): Template {
  return isObject(value) ? text(c, value[key] ?? null, [...path, key], rules) : text(c, value, path, rules);
}

function command(c: Compiling, value: Json, path: Path): Template[] {
  const list = isObject(value) ? value["command"] : value;
  const listPath = isObject(value) ? [...path, "command"] : path;
  if (!Array.isArray(list)) return [];
  let bytes = 0;
  const parts = (list as readonly Json[]).map((part, index) => {
    if (typeof part === "string") bytes += Buffer.byteLength(part);
    return text(c, part, [...listPath, index], index === 0 ? words : typed);
  });
  if (bytes > limits.argumentsBytesMax) c.report(listPath, "The arguments are too long.", "Put the data in a file.");
  return parts;
}

/** `clipboard`, or `{ window: active }`, `{ window: P }`, `{ within: P }`, `{ box: …, within: P }`. */
function readSource(c: Compiling, value: Json, path: Path): Template {
  const clipboard = () => {
    c.used.capabilities.add("clipboard");
    return { clipboard: true };
  };
  if (value === "clipboard") return clipboard();
  const { window, within, box, clipboard: fromClipboard } = mapping(value);
  const ways = [window, fromClipboard, box ?? within].filter((way) => way !== undefined);
  if (ways.length !== 1) {
    const remedy = "Name `clipboard`, `window` (its title), `within` (its text), or `box`.";
    c.report(path, "This does not say what to read.", remedy);
    return clipboard();
  }
  if (fromClipboard !== undefined) return clipboard();
  if (window === "active") return { activeTitle: true };
  if (window !== undefined) return { windowTitle: windowPattern(c, window, [...path, "window"]) };
  c.used.capabilities.add("ocr");
  const pattern = within === undefined ? undefined : windowPattern(c, within, [...path, "within"]);
  if (!isObject(box)) return { windowText: pattern ?? {} };
  return { box: { ...(pattern === undefined ? {} : { window: pattern }), ...box } };
}
