// `exec`: one command of the machine's own allow-list, in a process group that ends with the command or the lease.
// The gate counts it as input, because it changes the world as typing does (G4).

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Exec, OutputSchema } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import type { CommandGate } from "./gate.ts";
import type { Scope } from "./scope.ts";
import { StepEnded, unlessEnded } from "./step-ended.ts";

export const OUTPUT_BYTES_MAX = 65536;

type Output = MessageInitShape<typeof OutputSchema>;

export async function exec(
  action: Exec,
  gate: CommandGate,
  scope: Scope,
): Promise<{ output: Output; failure?: StepEnded }> {
  const path = scope.allowExec.get(action.name);
  if (path === undefined) throw new StepEnded("EXEC_REFUSED", "the command is not on this machine's allow-list");
  const program = await gate.act(() =>
    scope.groups.start(path, action.arguments).catch(() => {
      gate.undone();
      throw new StepEnded("EXEC_FAILED", "the program could not be started");
    }),
  );
  let held = false;
  const forget = scope.permission.onHold(() => {
    held = true;
    scope.groups.end(program.pid);
  });
  try {
    // What the program left behind in its group ends with it, or its open pipe would keep the command waiting.
    const ended = program.ended.finally(() => scope.groups.end(program.pid));
    const [exitCode, text] = await unlessEnded(scope.signal, Promise.all([ended, collect(program.stdout)]));
    if (held) throw new StepEnded("LEASE_LOST", "the lease ran out and the program was ended");
    if (exitCode === 0) return { output: { text, exitCode } };
    const message = exitCode === undefined ? "the program was ended by a signal" : `the program ended with ${exitCode}`;
    return { output: { text, exitCode: exitCode ?? -1 }, failure: new StepEnded("EXEC_FAILED", message) };
  } finally {
    forget();
    scope.groups.end(program.pid);
  }
}

/** The first `OUTPUT_BYTES_MAX` of what is written; the rest is read and thrown away so that the program can go on. */
async function collect(stdout: AsyncIterable<Buffer>): Promise<string> {
  const kept: Buffer[] = [];
  let length = 0;
  for await (const piece of stdout) {
    if (length < OUTPUT_BYTES_MAX) kept.push(piece);
    length += piece.length;
  }
  return clip(Buffer.concat(kept).toString("utf8"));
}

/** Text within the protocol's limit, cut between characters. */
export function clip(text: string): string {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length <= OUTPUT_BYTES_MAX) return text;
  let end = OUTPUT_BYTES_MAX;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end).toString("utf8");
}
