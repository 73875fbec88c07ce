// One examination: check after check, each asked of a process of its own kind (`examiner.ts`) that is ended when a check
// hangs or brings it down, so that whatever is wrong with a desktop, every check comes to a finding.

import { type ChildProcess, spawn } from "node:child_process";
import { CHECKS, type CheckName, type Finding, fault, type Judgement, skipped } from "./finding.ts";

/** What makes a check pointless when it found a fault, or was itself skipped. */
const after: Readonly<Partial<Record<CheckName, CheckName>>> = {
  "window-manager": "session",
  surface: "window-manager",
  capture: "session",
  "health-shot": "session",
  input: "session",
  windows: "window-manager",
  clipboard: "session",
  scaling: "session",
  power: "session",
  identity: "state",
  agent: "identity",
  key: "server",
  clock: "server",
};

/** Well above what a loaded machine needs for them. */
const SLOW_WITHIN_MS = 30_000;
const WITHIN_MS = 5000;
const slow: ReadonlySet<CheckName> = new Set(["health-shot", "reading", "server"]);

/** The process may be started from an executable that has to unpack itself first. */
const START_WITHIN_MS = 20_000;

/** What the examiner says. `undefined` once it is there. */
export type ExaminerSays = { readonly judged: Judgement | undefined };

/** Makes all checks; `told` hears of each finding at once. The command starts an examiner. */
export async function examine(
  command: readonly [string, ...string[]],
  told: (finding: Finding) => void,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  let examiner: Examiner | undefined;
  for (const check of CHECKS) {
    let judged = pointless(check, findings);
    if (judged === undefined) {
      examiner ??= new Examiner(command);
      const answer = await examiner.asked(check, slow.has(check) ? SLOW_WITHIN_MS : WITHIN_MS);
      if (answer.is === "given-up") examiner = undefined;
      judged = answer.judgement;
    }
    const finding = { check, ...judged };
    findings.push(finding);
    told(finding);
  }
  examiner?.end();
  return findings;
}

function pointless(check: CheckName, findings: readonly Finding[]): Judgement | undefined {
  const before = findings.find((finding) => finding.check === after[check]);
  if (before?.is === "fault") return skipped(`see ${before.check}`);
  return before?.is === "skipped" ? skipped(before.found) : undefined;
}

class Examiner {
  readonly #process: ChildProcess;
  readonly #started: Promise<string | undefined>;

  constructor([program, ...args]: readonly [string, ...string[]]) {
    this.#process = spawn(program, args, { stdio: ["ignore", "ignore", "ignore", "ipc"], windowsHide: true });
    // Heard of below, where it is waited for.
    this.#process.on("error", () => {});
    this.#started = this.#heard(START_WITHIN_MS).then((said) => (typeof said === "string" ? said : undefined));
  }

  async asked(check: CheckName, withinMs: number): Promise<{ is: "answered" | "given-up"; judgement: Judgement }> {
    const missing = await this.#started;
    if (missing === undefined) this.#process.send(check, () => {});
    const said = missing ?? (await this.#heard(withinMs));
    if (typeof said !== "string" && said.judged !== undefined) return { is: "answered", judgement: said.judged };
    this.end();
    const found = typeof said === "string" ? said : "it said nothing";
    return {
      is: "given-up",
      judgement: fault(found, "Restart what is asked here (the session, its X server, the machine), and look again."),
    };
  }

  /** The next message, or why there is none. */
  #heard(withinMs: number): Promise<ExaminerSays | string> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(`no answer within ${withinMs / 1000} s`), withinMs);
      const ended = () => done("the check brought its process down");
      const done = (what: ExaminerSays | string) => {
        clearTimeout(timer);
        this.#process.off("message", done).off("exit", ended).off("error", ended);
        resolve(what);
      };
      this.#process.once("message", done).once("exit", ended).once("error", ended);
    });
  }

  end(): void {
    this.#process.kill("SIGKILL");
  }
}
