// A Windows machine of the product under test: a Wine session, and the agent's executable for Windows in it.

import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type WineSession, winePath } from "../../agent/desktop/wine-session.ts";
import { builtAgent } from "./built-agent.ts";
import { startTestWine, startUnderWine, type WineProgram } from "./wine.ts";

export interface WindowsMachinePlan {
  readonly name: string;
  readonly stateDir: string;
  readonly agentUrl: string;
  readonly tokenFile: string;
  readonly applications: readonly string[];
}

export class WindowsMachine {
  readonly name: string;
  readonly session: WineSession;
  readonly #supervisor: WineProgram;

  private constructor(name: string, session: WineSession, supervisor: WineProgram) {
    this.name = name;
    this.session = session;
    this.#supervisor = supervisor;
  }

  /** Enrols it and lets its agent run; the agent attaches when it is ready to. */
  static async start(plan: WindowsMachinePlan): Promise<WindowsMachine> {
    const { name, agentUrl, applications } = plan;
    const [{ path: executable }, session] = await Promise.all([builtAgent("win32-x64"), startTestWine()]);
    try {
      const where = ["--server", agentUrl, "--state", winePath(plan.stateDir)];
      const enrolling = startUnderWine(session, executable, [
        ...["enrol", ...where, "--token-file", winePath(plan.tokenFile), "--name", name],
      ]);
      if ((await enrolling.ended) !== 0) throw new Error(`enrolling ${name} failed: ${enrolling.output()}`);
      const offers = applications.flatMap((application) => ["--application", application]);
      // Nobody is waited for: on a busy machine, a window that comes up under Wine's pointer looks like a person.
      const settings = ["--person-quiet", "0", "--log-json"];
      const supervisor = startUnderWine(session, executable, ["run", ...where, ...offers, ...settings]);
      return new WindowsMachine(name, session, supervisor);
    } catch (error) {
      await session.stop();
      throw error;
    }
  }

  /** What supervisor and agent have logged so far. */
  get log(): string {
    return this.#supervisor.output();
  }

  /** The agent's own process, under its supervisor: the Unix process that the Windows one is. */
  agentPid(): number | undefined {
    return readdirSync("/proc")
      .map(Number)
      .find(
        (pid) =>
          pid > 0 &&
          told(pid, "cmdline").includes("\0--unsupervised") &&
          told(pid, "environ").includes(`WINEPREFIX=${this.session.prefix}\0`),
      );
  }

  /** Makes the folder `C:\\<name>`, and gives what this system calls it. */
  makeFolder(name: string): string {
    const folder = join(this.session.prefix, "drive_c", name);
    mkdirSync(folder);
    return folder;
  }

  /** Wine has no way to ask a program to end that is not its own; ending the session ends all of its programs. */
  async stop(): Promise<void> {
    await this.session.stop();
  }
}

function told(pid: number, file: "cmdline" | "environ"): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}
