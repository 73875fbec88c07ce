// drover retention and drover purge: how long things are kept, and having runs deleted before their time.

import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import type { Retention } from "../retention.ts";
import { act, addCommand, type Desk } from "./desk.ts";
import { UsageError } from "./exit-codes.ts";
import { cleaned } from "./screen-text.ts";
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

export function addPurge(program: Command): Command {
  return addCommand(program, "purge <run...>", "delete runs with all that belongs to them, for good", [
    "drover purge 01980000-0000-7000-8000-000000000001",
    "drover runs --workflow ehr.trial --json | jq -r '.[].id' | xargs drover purge --yes",
  ])
    .option("--yes", "do not ask")
    .action(
      act(async (desk, runIds: string[], { yes = false }: { yes?: boolean }) => {
        if (!yes && !(await agreed(runIds.length))) throw new UsageError("Nothing was deleted.");
        for (const id of runIds) {
          await desk.client.purge(id);
          // One a line: each is gone when it is told.
          if (desk.json) desk.document({ purged: id });
          else desk.out(`run ${cleaned(id)} is deleted`);
        }
      }),
    );
}

async function agreed(count: number): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError("What is deleted cannot be brought back: say --yes.");
  const what = count === 1 ? "the run" : `${count} runs`;
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const question = `Delete ${what} with inputs, events and frames? It cannot be brought back. [y/N] `;
    // Whoever closes the terminal has not said yes.
    const closed = new Promise<string>((resolve) => asking.once("close", () => resolve("")));
    return /^y(es)?$/i.test((await Promise.race([asking.question(question), closed])).trim());
  } finally {
    asking.close();
  }
}
