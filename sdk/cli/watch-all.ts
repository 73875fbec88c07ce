// What happens to any run, a line for each event, until somebody stops it; and then how to go on from there.

import { WatchRunsResponseSchema } from "../gen/drover/v1/event_pb.ts";
import type { WatchedEvent, WatchRunsOptions } from "../watch-many.ts";
import { type Desk, jsonOf } from "./desk.ts";
import { Interrupted } from "./exit-codes.ts";
import { eventText, timeText } from "./progress.ts";
import { cleaned, columnsOf, safeJson, shortened } from "./screen-text.ts";

export type Watched = Pick<WatchRunsOptions, "workflow" | "caller" | "kinds" | "cursor">;

export async function watchAll(desk: Desk, watched: Watched, stream: NodeJS.WriteStream): Promise<void> {
  let { cursor } = watched;
  let lost = false;
  const onReconnect = () => {
    // Once for an outage, however many tries it takes.
    if (!lost) desk.note("connection lost; trying again");
    lost = true;
  };
  const onCursor = (newest: string) => {
    if (cursor === undefined) desk.note(`watching${filterText(watched)}; stop with Ctrl-C`);
    cursor = newest;
    lost = false;
  };
  // Asked for first, so that a wrong address is told in seconds.
  for await (const _ of desk.client.runs({ workflow: watched.workflow, signal: desk.signal })) break;
  // A pipe has no width, and what reads it wants every character.
  const width = stream.isTTY ? stream.columns : Number(process.env["COLUMNS"]) || Number.POSITIVE_INFINITY;
  try {
    for await (const told of desk.client.watchRuns({ ...watched, signal: desk.signal, onCursor, onReconnect })) {
      cursor = told.cursor;
      lost = false;
      desk.out(
        desk.json ? safeJson(jsonOf(WatchRunsResponseSchema, told.wire)) : lineOf(told, watched.workflow, width),
      );
    }
  } catch (error) {
    if (!(error instanceof Interrupted) || cursor === undefined) throw error;
    throw new Interrupted(`Go on from here: drover watch --cursor ${cursor}`);
  }
}

/** Nobody can tell that a name is mistyped, for its workflow or caller may be yet to come. */
function filterText({ workflow, caller, kinds = [] }: Watched): string {
  const named = [workflow && `workflow ${workflow}`, caller && `caller ${caller}`, kinds.join(", ").toLowerCase()];
  const text = named.filter(Boolean).join("; ");
  return text === "" ? "" : ` only ${text}`;
}

/** The id is never cut. The workflow is left out when there is only one, or for want of room once it was told. */
function lineOf({ event, runId, workflow }: WatchedEvent, only: string | undefined, width: number): string {
  const begins = `${timeText(event.at)} ${runId}`;
  const text = eventText(event);
  const whole = cleaned(only === undefined ? `${begins} ${workflow}: ${text}` : `${begins} ${text}`);
  if (event.kind === "QUEUED" || columnsOf(whole) <= width) return shortened(whole, width);
  return shortened(cleaned(`${begins} ${text}`), width);
}
