// Evaluates conditions: in guards, checks, waits, asserts and readiness probes alike.

import type { Condition, ImageTarget, TextTarget } from "@drover/proto/gen/drover/agent/v1/screen_pb.ts";
import type { Look } from "./look.ts";
import type { Seen, Sighting } from "./sight.ts";
import { StepEnded } from "./step-ended.ts";
import { windowFits } from "./window-pattern.ts";

const THRESHOLD = 0.9;

export interface Evaluated {
  readonly held: boolean;
  readonly seen?: Seen;
}

/** Whether `condition` holds on this look. */
export async function evaluate(condition: Condition, look: Look): Promise<Evaluated> {
  const found = await present(condition, look);
  return condition.absent ? { ...found, held: !found.held } : found;
}

/** The place of the first condition that does not hold; `undefined` when all hold at once. */
export async function firstFailing(conditions: readonly Condition[], look: Look): Promise<number | undefined> {
  for (const [index, condition] of conditions.entries()) {
    if (!(await evaluate(condition, look)).held) return index;
  }
  return undefined;
}

/** A condition in words that hold nothing of the screen and nothing of the inputs (G11): its kind and its place. */
export function nameOf(condition: Condition | undefined, index: number, list: string): string {
  const kind = condition?.kind.case ?? "unknown";
  return `${list} ${index + 1}: ${condition?.absent ? "no " : ""}${kind === "responsiveMs" ? "responsive" : kind}`;
}

/** Whether evaluating it needs a picture, which is dear, or only lists, which are cheap. */
export const needsFrame = ({ kind }: Condition): boolean => kind.case === "image" || kind.case === "text";

async function present({ kind }: Condition, look: Look): Promise<Evaluated> {
  switch (kind.case) {
    case "window":
      return { held: (await look.fitting(kind.value)).length > 0 };
    case "activeWindow": {
      const active = await look.active();
      return { held: active !== undefined && windowFits(kind.value, active) };
    }
    case "image":
      return anywhere(await imageSightings(kind.value, look));
    case "text":
      return anywhere(await textSightings(kind.value, look));
    case "process":
      return { held: (await look.processes()).some(({ name }) => name === kind.value) };
    case "responsiveMs": {
      // The topmost window of the application is the one that its user waits for.
      const window = (await look.ownWindows()).at(-1);
      return { held: window !== undefined && (await look.desktop.responsive(window, kind.value)) };
    }
    default:
      throw new StepEnded("UNSUPPORTED", "this agent does not know the kind of a condition");
  }
}

function anywhere(sightings: readonly Sighting[]): Evaluated {
  for (const sighting of sightings) if (sighting.is !== "missing") return { held: true, seen: sighting.seen };
  return { held: false };
}

/** One sighting per place to search. */
export async function imageSightings({ png, threshold, within }: ImageTarget, look: Look): Promise<Sighting[]> {
  const sightings: Sighting[] = [];
  for (const region of await look.regions(within)) {
    sightings.push(await look.findImage(png, threshold || THRESHOLD, region));
  }
  return sightings;
}

export async function textSightings({ text, within }: TextTarget, look: Look): Promise<Sighting[]> {
  const sightings: Sighting[] = [];
  for (const region of await look.regions(within)) sightings.push((await look.text(region)).find(text));
  return sightings;
}
