// What a command's end means, and the line that says it: what went wrong, where, and what to do. The one place where errors
// become exit codes.

import { CommanderError } from "commander";
import {
  InvalidRequest,
  PermissionDenied,
  Refused,
  ServerFault,
  Unauthenticated,
  Unavailable,
  type Violation,
} from "../errors.ts";
import { RunNotSucceeded } from "../outcomes.ts";
import { cleaned, safeJson } from "./screen-text.ts";

export const exitCodes = {
  ok: 0,
  runNotSucceeded: 1,
  usage: 2,
  runUnknown: 3,
  refused: 4,
  unreachable: 5,
  denied: 6,
  bug: 70,
  interrupted: 130,
} as const;

/** The command was called in a way that makes no sense, or names a file that cannot be read. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** The user pressed Ctrl-C. */
export class Interrupted extends Error {
  override name = "Interrupted";
}

/** Not all was done, and what was refused has been told: the command ends as the refusal does. */
export class Told extends Error {
  override name = "Told";
  readonly code: number;
  constructor(code: number) {
    super("It has been told.");
    this.code = code;
  }
}

interface Ending {
  code: number;
  /** Empty: all has been said. */
  line: string;
  reason?: string | undefined;
  /** The run that it is about, where there are several. */
  run?: string;
  violations?: readonly Violation[];
}

/** How a command that threw this ends. `server` is where it tried. */
export function endingOf(error: unknown, server: string): Ending {
  if (error instanceof CommanderError) {
    // Commander has printed its own line, or the help that was asked for.
    return { code: error.exitCode === 0 ? exitCodes.ok : exitCodes.usage, line: "" };
  }
  if (error instanceof Told) return { code: error.code, line: "" };
  if (error instanceof Interrupted) return { code: exitCodes.interrupted, line: error.message };
  if (error instanceof UsageError) return { code: exitCodes.usage, line: error.message };
  if (error instanceof RunNotSucceeded) {
    const code = error.outcome === "UNKNOWN" ? exitCodes.runUnknown : exitCodes.runNotSucceeded;
    return { code, line: withHint(error.message, error.outcome), reason: error.outcome };
  }
  if (error instanceof Unavailable) {
    const line = `Cannot reach ${server}: ${error.message}. Is the server running? Set --server or DROVER_SERVER.`;
    return { code: exitCodes.unreachable, line: line.replaceAll("..", ".") };
  }
  if (error instanceof ServerFault) {
    const line = `${server} gave no usable answer: ${error.message}. Is it a Drover server's API address?`;
    return { code: exitCodes.unreachable, line };
  }
  if (error instanceof Unauthenticated) {
    const line = `${error.message} Set DROVER_KEY, DROVER_KEY_FILE or --key-file to a key that ${server} knows.`;
    return { code: exitCodes.denied, line, reason: "UNAUTHENTICATED" };
  }
  if (error instanceof PermissionDenied) {
    const line = `${error.message} Use a key with a higher scope; an admin makes one with: drover key create`;
    return { code: exitCodes.denied, line, reason: "SCOPE_INSUFFICIENT" };
  }
  if (error instanceof InvalidRequest) {
    const { reason, violations } = error;
    return { code: exitCodes.refused, line: error.message, reason, violations };
  }
  if (error instanceof Refused) {
    return { code: exitCodes.refused, line: withHint(error.message, error.reason), reason: error.reason };
  }
  if (error instanceof TypeError && /is no address of an API/.test(error.message)) {
    return { code: exitCodes.usage, line: `${error.message}. Set --server or DROVER_SERVER.` };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: exitCodes.bug, line: `This is a fault in drover itself: ${text}` };
}

const hints: Record<string, string> = {
  WORKFLOW_NOT_FOUND: "See what there is: drover workflows",
  APPLICATION_NOT_FOUND: "See what there is: drover applications",
  RUN_NOT_FOUND: "See what there is: drover runs",
  MACHINE_NOT_FOUND: "See what there is: drover machines",
  KEY_NOT_FOUND: "See what there is: drover key list",
  ENROLMENT_TOKEN_NOT_FOUND: "See what there is: drover token list",
  RELEASE_NOT_FOUND: "See what there is: drover release list",
  ROLLOUT_NOT_FOUND: "Start one: drover rollout start",
  ROLLOUT_RUNNING: "See how far it is: drover rollout show. Or stop it: drover rollout stop",
  IDEMPOTENCY_KEY_REUSED: "Use another --idempotency-key for other inputs.",
  SCREENSHOT_NOT_FOUND: "Machines send one every little while; try again soon.",
  RUN_NOT_UNKNOWN: "See how it stands: drover run <id>",
  RUN_NOT_ENDED: "See how it stands: drover run <id>",
  RUN_IN_USE: "See what the machines do: drover machines",
  RUN_NOT_WAITING: "See how it stands: drover run <id>",
  UNKNOWN: "Look at the desktop's records before you start it again; settle it with: drover resolve",
};

function withHint(message: string, reason: string): string {
  const hint = hints[reason];
  return hint === undefined ? message : `${message.replace(/([^.!?])$/, "$1.")} ${hint}`;
}

/** The ending as lines for people, or as one JSON document. */
export function endingText({ line, reason, run, violations = [] }: Ending, json: boolean): string {
  if (json) return safeJson({ error: { reason, run, message: line, violations } });
  const lines = [`drover: ${cleaned(run === undefined ? line : `run ${run}: ${line}`)}`];
  for (const { field, description } of violations) {
    lines.push(`  ${[field, description].filter(Boolean).map(cleaned).join(": ")}`);
  }
  return lines.join("\n");
}
