// drover resolve: what a person found out about a run that had ended UNKNOWN.

import { type Command, InvalidArgumentError } from "commander";
import { ResolveAs } from "../gen/drover/v1/outcome_pb.ts";
import { RunSchema } from "../gen/drover/v1/run_pb.ts";
import type { Outputs, ResolveAsName } from "../names.ts";
import { act, addCommand, jsonOf } from "./desk.ts";
import { UsageError } from "./exit-codes.ts";
import { contextLines } from "./failure-context.ts";
import { oneOf, stateText } from "./runs.ts";
import { cleaned } from "./screen-text.ts";

interface ResolveCommandOptions {
  as: ResolveAsName;
  outputs?: Outputs;
  nothingCommitted?: boolean;
  note: string;
}

export function addResolve(program: Command): Command {
  return addCommand(program, "resolve <run>", "settle a run that ended UNKNOWN, after a look at the records", [
    'drover resolve 01980000-0000-7000-8000-000000000001 --as succeeded --note "chart 7 shows the note"',
    "drover resolve 01980000-0000-7000-8000-000000000001 --as failed --nothing-committed --note …",
    "drover resolve 01980000-0000-7000-8000-000000000001 --as retry --note …",
  ])
    .requiredOption(
      "--as <what>",
      "needed: succeeded: it was done; failed: not to be tried again; retry: nothing took hold",
      oneOf(ResolveAs),
    )
    .option("--outputs <json>", "with succeeded: the outputs, as a JSON object", objectIn)
    .option("--nothing-committed", "with failed: nothing took hold, so that it may be started again")
    .requiredOption("--note <text>", "needed: what you looked at, for whoever reads it later")
    .action(
      act(async (desk, id: string, { as, outputs, nothingCommitted, note }: ResolveCommandOptions) => {
        if (outputs !== undefined && as !== "SUCCEEDED") throw new UsageError("--outputs goes with --as succeeded.");
        if (nothingCommitted && as !== "FAILED") throw new UsageError("--nothing-committed goes with --as failed.");
        const run = await desk.client.run(id).resolve({ as, outputs, nothingCommitted, note, signal: desk.signal });
        if (desk.json) return desk.document(jsonOf(RunSchema, run));
        desk.out(`run ${cleaned(run.id)} is ${stateText(run)}`);
        const width = process.stdout.columns ?? 80;
        const { failureContext } = run;
        if (failureContext !== undefined) for (const line of contextLines(failureContext, id, width)) desk.note(line);
      }),
    );
}

function objectIn(text: string): Outputs {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Outputs;
  } catch {
    // What JSON.parse says quotes what was given.
  }
  throw new InvalidArgumentError('It must be a JSON object, like {"title": "hello"}.');
}
