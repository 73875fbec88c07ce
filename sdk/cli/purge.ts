// drover purge: runs are deleted before their time.

import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { InvalidRequest, Refused } from "../errors.ts";
import { act, addCommand, type Desk } from "./desk.ts";
import { endingOf, endingText, Interrupted, Told, UsageError } from "./exit-codes.ts";
import { cleaned } from "./screen-text.ts";

export function addPurge(program: Command): Command {
  return addCommand(program, "purge <run...>", "delete runs with all that belongs to them, for good", [
    "drover purge 01980000-0000-7000-8000-000000000001",
    "drover runs --workflow ehr.trial --state ended --limit 100000 --json | jq -r '.[].id' | xargs drover purge --yes",
  ])
    .option("--yes", "do not ask")
    .addHelpText("after", "\nWhat is refused is told, and keeps no other run from being deleted.")
    .action(
      act(async (desk, runIds: string[], { yes = false }: { yes?: boolean }) => {
        if (!yes && !(await agreed(runIds.length, desk.signal))) throw new UsageError("Nothing was deleted.");
        let code: number | undefined;
        for (const [done, id] of runIds.entries()) {
          desk.signal.throwIfAborted();
          try {
            await desk.client.purge(id);
            // One a line: each is gone when it is told.
            if (desk.json) desk.document({ purged: id });
            else desk.out(`run ${cleaned(id)} is deleted`);
          } catch (error) {
            if (error instanceof Interrupted) throw new Interrupted(interruptedText(id, runIds.length - done - 1));
            code = tell(desk, id, error);
          }
        }
        if (code !== undefined) throw new Told(code);
      }),
    );
}

/** Tells of a run that was refused, and returns how it would end the command; throws what would meet the next run as well. */
function tell(desk: Desk, run: string, error: unknown): number {
  if (!(error instanceof Refused || error instanceof InvalidRequest)) throw error;
  const ending = endingOf(error, "");
  process.stderr.write(`${endingText({ ...ending, run }, desk.json)}\n`);
  return ending.code;
}

/** The server may have had the call, or not. */
function interruptedText(id: string, left: number): string {
  const rest = left === 0 ? "" : `${left} more are left as they are. `;
  return `Interrupted. ${rest}See whether this one is deleted: drover run ${id}`;
}

async function agreed(count: number, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError("What is deleted cannot be brought back: say --yes.");
  const what = count === 1 ? "the run" : `${count} runs`;
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  const interrupted = Promise.withResolvers<never>();
  const interrupt = () => interrupted.reject(new Interrupted("Interrupted. Nothing was deleted."));
  // A terminal that is asked gives Ctrl-C to who asks; from elsewhere it comes as a signal.
  asking.once("SIGINT", interrupt);
  signal.addEventListener("abort", interrupt, { once: true });
  try {
    const question = `Delete ${what} with inputs, events and frames? It cannot be brought back. [y/N] `;
    // Whoever closes the terminal has not said yes.
    const closed = new Promise<string>((resolve) => asking.once("close", () => resolve("")));
    const answer = await Promise.race([asking.question(question), closed, interrupted.promise]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    signal.removeEventListener("abort", interrupt);
    asking.close();
  }
}
