// Following a run to its end, as `start` and `watch` do.

import { RunEventSchema } from "../gen/drover/v1/event_pb.ts";
import type { Outputs } from "../names.ts";
import type { RunHandle } from "../runs.ts";
import { type Desk, jsonOf } from "./desk.ts";
import { Interrupted } from "./exit-codes.ts";
import { progressOn } from "./progress.ts";
import { safeJson } from "./screen-text.ts";
import { tellWhy } from "./waiting.ts";

/** Shows the run's events on the stream until it has ended, then answers with its outputs or throws its ending. */
export async function follow(desk: Desk, run: RunHandle, stream: NodeJS.WriteStream): Promise<Outputs> {
  const progress = progressOn(stream);
  const waiting = desk.json ? undefined : tellWhy(run, progress, desk.signal);
  let lost = false;
  const onReconnect = () => {
    // Once for an outage, however many tries it takes.
    if (!lost) progress.say("connection lost; trying again (the run goes on)");
    lost = true;
  };
  try {
    for await (const event of run.events({ signal: desk.signal, onReconnect })) {
      lost = false;
      progress.show(event);
      waiting?.see(event);
    }
  } catch (error) {
    progress.stop();
    if (error instanceof Interrupted) throw new Interrupted(leftAlone(run.id));
    throw error;
  } finally {
    waiting?.stop();
  }
  progress.stop();
  return run.result();
}

/** The run's events as JSON, one a line, until it has ended. */
export async function stream(desk: Desk, run: RunHandle): Promise<void> {
  for await (const event of run.events({ signal: desk.signal })) {
    desk.out(safeJson(jsonOf(RunEventSchema, event.wire)));
  }
  // For the exit code.
  await run.result();
}

function leftAlone(id: string): string {
  return `The run goes on. See it: drover watch ${id}   Stop it: drover cancel ${id}`;
}
