// Windows, targets and conditions of a source, compiled to those of `rules/command.ts`.

import type { Json } from "../rules/names.ts";
import { type Compiling, picture, processName, text, title, words } from "./compiling.ts";
import { isObject } from "./contract.ts";
import { durationMs } from "./duration.ts";
import { limits } from "./limits.ts";
import type { Path } from "./problem.ts";
import type { Template } from "./program.ts";

type Mapping = { readonly [key: string]: Json };

/** `"*Mousepad"` or `{ title, process, class }`. */
export function windowPattern(c: Compiling, window: Json, path: Path): Template {
  if (!isObject(window)) return { title: text(c, window, path, title) };
  const pattern: Record<string, Template> = {};
  if (window["title"] !== undefined) pattern["title"] = text(c, window["title"], [...path, "title"], title);
  if (window["process"] !== undefined)
    pattern["process"] = text(c, window["process"], [...path, "process"], processName);
  if (window["class"] !== undefined) pattern["className"] = text(c, window["class"], [...path, "class"], processName);
  return pattern;
}

/** A window alone: `focus: "*Mousepad"`, `focus: { window: "*Mousepad" }` or `focus: { process: mousepad }`. */
export function soleWindow(c: Compiling, value: Json, path: Path): Template {
  if (!isObject(value) || value["window"] === undefined) return windowPattern(c, value, path);
  if (Object.keys(value).length > 1) c.report(path, "The window is named twice.", "Keep `window` alone.");
  return windowPattern(c, value["window"], [...path, "window"]);
}

/** The picture and text forms share `within` and `threshold`, inside or beside them. */
function image(c: Compiling, holder: Mapping, path: Path): Template {
  const value = holder["image"] ?? null;
  const own = isObject(value) ? value : undefined;
  const file = own === undefined ? value : own["file"];
  const filePath = own === undefined ? [...path, "image"] : [...path, "image", "file"];
  const threshold = own?.["threshold"] ?? holder["threshold"];
  return {
    digest: typeof file === "string" ? picture(c, file, filePath) : "",
    ...(threshold === undefined ? {} : { threshold }),
    ...within(c, own, holder, path, "image"),
  };
}

function seenText(c: Compiling, holder: Mapping, path: Path): Template {
  const value = holder["text"] ?? null;
  const own = isObject(value) ? value : undefined;
  c.used.capabilities.add("ocr");
  const textPath = own === undefined ? [...path, "text"] : [...path, "text", "text"];
  return {
    text: text(c, own === undefined ? value : (own["text"] ?? null), textPath, words),
    ...within(c, own, holder, path, "text"),
  };
}

function within(c: Compiling, own: Mapping | undefined, holder: Mapping, path: Path, key: string): Mapping {
  const inner = own?.["within"];
  if (inner !== undefined) return { within: windowPattern(c, inner, [...path, key, "within"]) };
  const beside = holder["within"];
  return beside === undefined ? {} : { within: windowPattern(c, beside, [...path, "within"]) };
}

const kinds = ["image", "text", "window"] as const;

/** `{ image | text | window, within, threshold, dx, dy, anchor }`. */
export function target(c: Compiling, value: Mapping, path: Path): Template {
  const named = kinds.filter((kind) => value[kind] !== undefined);
  const [kind] = named;
  if (kind === undefined || named.length > 1) {
    c.report(path, "A target is one of `image`, `text` and `window`.", "Name exactly one of them.");
    return {};
  }
  if (kind === "window" && value["within"] !== undefined) {
    c.report([...path, "within"], "A window is not within a window.", "Leave `within` out.", "key");
  }
  const base: Template =
    kind === "image"
      ? { image: image(c, value, path) }
      : kind === "text"
        ? { text: seenText(c, value, path) }
        : { window: windowPattern(c, value["window"] ?? "", [...path, "window"]) };
  const { dx, dy, anchor } = value;
  if (dx === undefined && dy === undefined && anchor === undefined) return base;
  return { relative: { base, dx: dx ?? 0, dy: dy ?? 0, anchor: anchor ?? "middle" } };
}

/** The window that a target names, if it does: the current window of the keyboard steps that follow (G3). */
export function windowOfTarget(template: Template): Template | undefined {
  if (!isObject(template)) return undefined;
  const { relative, window, image: picture, text: seen } = template;
  if (isObject(relative)) return windowOfTarget(relative["base"] ?? null);
  if (window !== undefined) return window;
  const inside = picture ?? seen;
  return isObject(inside) ? inside["within"] : undefined;
}

/** One mapping is one or several conditions, a list is all of them. */
export function conditions(c: Compiling, value: Json, path: Path): Template[] {
  if (Array.isArray(value)) {
    const list = value.flatMap((each, index) => conditions(c, each, [...path, index]));
    return bounded(c, list, path);
  }
  if (!isObject(value)) return [];
  const { window, active, process, responsive, not, all } = value;
  const found: Record<string, Template>[] = [];
  if (window !== undefined) found.push({ window: windowPattern(c, window, [...path, "window"]) });
  if (active !== undefined) found.push({ activeWindow: windowPattern(c, active, [...path, "active"]) });
  if (value["image"] !== undefined) found.push({ image: image(c, value, path) });
  if (value["text"] !== undefined) found.push({ text: seenText(c, value, path) });
  if (process !== undefined) found.push({ process: text(c, process, [...path, "process"], processName) });
  if (typeof responsive === "string") {
    const ms = durationMs(responsive) ?? 0;
    if (ms < 1 || ms > 60_000) c.report([...path, "responsive"], "This is not between 1ms and 60s.", "Try `2s`.");
    found.push({ responsiveMs: ms });
  }
  const negated = not === undefined ? [] : conditions(c, not, [...path, "not"]).map(negate);
  const several = all === undefined ? [] : conditions(c, all, [...path, "all"]);
  if (found.length + negated.length + several.length === 0) {
    const remedy = "Name one of window, active, image, text, process, responsive.";
    c.report(path, "This names nothing that could hold.", remedy);
  }
  if (not !== undefined && negated.length > 1) {
    c.report([...path, "not"], "`not` takes one condition.", "Write one `not` for each: not all is not none.");
  }
  const own = value["absent"] === true ? found.map((each) => ({ ...each, absent: true })) : found;
  return bounded(c, [...own, ...negated, ...several], path);
}

function bounded(c: Compiling, list: Template[], path: Path): Template[] {
  if (list.length > limits.conditionsMax) {
    c.report(path, `There are more than ${limits.conditionsMax} conditions.`, "Ask for less at once.");
  }
  return list;
}

function negate(condition: Template): Template {
  if (!isObject(condition)) return condition;
  const { absent, ...rest } = condition;
  return absent === true ? rest : { ...rest, absent: true };
}

/** The window that a wait names: the last one that it waits for. */
export function windowOfConditions(list: readonly Template[]): Template | undefined {
  const named = list.flatMap((each) => {
    if (!isObject(each) || each["absent"] === true) return [];
    const window = each["window"] ?? each["activeWindow"];
    return window === undefined ? [] : [window];
  });
  return named.at(-1);
}
