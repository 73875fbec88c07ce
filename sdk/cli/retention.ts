// drover retention: how long things are kept.

import type { Command } from "commander";
import type { Retention } from "../retention.ts";
import { act, addCommand, type Desk } from "./desk.ts";
import { spanMs, spanText } from "./spans.ts";

export function addRetention(program: Command): Command {
  return addCommand(program, "retention", "show or set how long runs and artifacts are kept", [
    "drover retention",
    "drover retention --runs 90d --artifacts 7d",
  ])
    .option("--runs <span>", "keep runs so long after they ended, like 90d; older ones are deleted", spanMs)
    .option("--artifacts <span>", "keep frames and other artifacts so long after they were made", spanMs)
    .action(
      act(async (desk, { runs: runsMs, artifacts: artifactsMs }: { runs?: number; artifacts?: number }) => {
        const { client } = desk;
        const asks = runsMs === undefined && artifactsMs === undefined;
        const held = asks
          ? await client.retention()
          : await client.setRetention({
              ...(runsMs === undefined ? {} : { runsMs }),
              ...(artifactsMs === undefined ? {} : { artifactsMs }),
            });
        if (desk.json) return desk.document({ ...held });
        showRetention(desk, held);
      }),
    );
}

function showRetention(desk: Desk, { runsMs, artifactsMs }: Retention): void {
  desk.out(`runs       ${spanText(runsMs)} after they ended`);
  desk.out(`artifacts  ${spanText(artifactsMs)} after they were made`);
}
