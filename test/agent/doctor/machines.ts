// What the doctor's tests look at: a display without a window manager, a state directory, and the doctor itself.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { after } from "node:test";
import { serverAddress } from "../../../agent/connection/server-address.ts";
import { type Checks, checksOf } from "../../../agent/doctor/checks.ts";
import type { CheckName, Finding } from "../../../agent/doctor/finding.ts";
import { platformFacts } from "../../../agent/doctor/this-platform.ts";

const source = ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "../../../agent/main.ts")];
export const fromSource: readonly [string, ...string[]] = [process.execPath, ...source];

export const scratch = mkdtempSync(join(tmpdir(), "drover-doctor-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

export interface BareDisplay {
  readonly display: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** An X server, and nothing else. */
export async function startBareDisplay(): Promise<BareDisplay> {
  const screen = ["-screen", "0", "1280x800x24", "-wr", "-nolisten", "tcp", "-noreset"];
  const server = spawn("Xvfb", ["-displayfd", "3", ...screen], { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  const number = await new Promise<string>((resolve) => {
    (server.stdio[3] as Readable).setEncoding("latin1").once("data", resolve);
  });
  const stop = async () => {
    server.kill("SIGKILL");
    await ended;
  };
  return { display: `:${number.trim()}`, pid: server.pid ?? 0, stop };
}

/** The checks themselves, in this process: of a state directory and of servers, without a desktop. */
export function checksOn({ stateDir, server = "" }: { stateDir?: string; server?: string }): Checks {
  const urls = server.split(",").filter((url) => url !== "");
  const nothing = {
    display: undefined,
    applications: [],
    labels: {},
    allowExec: new Map(),
    json: true,
    examiner: true,
  };
  return checksOf({
    settings: { does: "doctor", ...nothing, server: undefined, stateDir },
    servers: urls.map((url) => ({ url, address: serverAddress(url, { insecure: true }) })),
    facts: platformFacts,
    openDesktop: () => Promise.reject(new Error("there is no desktop in this test")),
    textReader: {},
    protocolVersion: 1,
  });
}

/** What one check of them says. */
export async function judged(check: CheckName, on: Parameters<typeof checksOn>[0]) {
  return { remedy: "", ...(await checksOn(on)[check]()) };
}

export interface Diagnosis {
  readonly status: number | null;
  readonly text: string;
  readonly findings: readonly Finding[];
  readonly of: (check: CheckName) => { readonly is: string; readonly found: string; readonly remedy: string };
}

/** What the doctor says; the command is the agent program. */
export async function doctor(
  args: readonly string[],
  env: Record<string, string> = {},
  [program, ...before]: readonly [string, ...string[]] = fromSource,
): Promise<Diagnosis> {
  const { status, text } = await ran([program, ...before, "doctor", "--json", ...args], env);
  return diagnosisIn(status, text);
}

export function diagnosisIn(status: number | null, text: string): Diagnosis {
  const { findings } = JSON.parse(text) as { findings: readonly Finding[] };
  const of = (check: CheckName) => ({ remedy: "", ...(findings.find((each) => each.check === check) as Finding) });
  return { status, text, findings, of };
}

export async function ran([program = "", ...args]: readonly string[], env: Record<string, string> = {}) {
  // Nothing of the session that the tests themselves run in.
  const { DISPLAY: _, WAYLAND_DISPLAY: __, ...own } = process.env;
  const child = spawn(program, args, { env: { ...own, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let [text, errors] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
  });
  child.stderr.setEncoding("utf8").on("data", (piece: string) => {
    errors += piece;
  });
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { status, text, errors };
}
