// drover watch: a run's events, from the first to the last.

import type { Command } from "commander";
import { act, addCommand } from "./desk.ts";
import { follow, stream } from "./follow.ts";

export function addWatch(program: Command): Command {
  return addCommand(program, "watch <run>", "show a run's events until it has ended", [
    "drover watch 01980000-0000-7000-8000-000000000001",
    "drover watch 01980000-0000-7000-8000-000000000001 --json | jq .kind",
  ]).action(
    act(async (desk, id: string) => {
      const run = desk.client.run(id);
      // Asked for first, so that a wrong id or address is told in seconds.
      await run.refresh({ signal: desk.signal });
      if (desk.json) return stream(desk, run);
      desk.document(await follow(desk, run, process.stdout));
    }),
  );
}
