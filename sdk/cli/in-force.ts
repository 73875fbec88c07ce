// What is halted and what is paused, in words: a halt stops what is under way, a pause keeps from beginning.

import type { Halt } from "../gen/drover/v1/halt_pb.ts";
import type { LimitTarget, PauseTarget } from "../gen/drover/v1/queue_pb.ts";
import type { Desk } from "./desk.ts";
import { cleaned } from "./screen-text.ts";

/** "workflow notes.save"; the tenant is "everything". */
export function targetText({ target }: { target?: Halt["target"] | PauseTarget | LimitTarget }): string {
  const { case: kind, value } = target?.target ?? {};
  return kind === "tenant" || kind === undefined ? "everything" : `${kind} ${value}`;
}

/** What goes on or begins again may still be covered by another halt or pause: whoever lets it should see which are left. */
export async function noteInForce(desk: Desk): Promise<void> {
  const [halts, pauses] = await Promise.all([desk.client.halts(), desk.client.pauses()]);
  const named = (targets: readonly Parameters<typeof targetText>[0][]) =>
    targets.map(targetText).map(cleaned).join(", ");
  if (halts.length > 0) desk.note(`still halted: ${named(halts)}`);
  if (pauses.length > 0) desk.note(`still paused: ${named(pauses)}`);
}
