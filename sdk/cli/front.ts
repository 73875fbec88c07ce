// drover front: a waiting run goes before all others.

import type { Command } from "commander";
import { RunSchema } from "../gen/drover/v1/run_pb.ts";
import { act, addCommand, jsonOf } from "./desk.ts";
import { cleaned } from "./screen-text.ts";
import { isAhead, whenText } from "./spans.ts";

export function addFront(program: Command): Command {
  return addCommand(program, "front <run>", "put a waiting run before all others of its pool", [
    "drover front 01980000-0000-7000-8000-000000000001",
  ]).action(
    act(async (desk, id: string) => {
      const run = await desk.client.run(id).moveToFront({ signal: desk.signal });
      if (desk.json) return desk.document(jsonOf(RunSchema, run));
      desk.out(`run ${cleaned(run.id)} goes before all others of pool ${cleaned(run.pool)}`);
      if (isAhead(run.notBefore)) desk.note(`its time comes ${whenText(run.notBefore)}`);
    }),
  );
}
