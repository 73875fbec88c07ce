// Programs that `exec` started: each in a job object of its own, ended with the command, the lease or the agent (`job.ts`).
// What a program asks another one to start for it (a service, the task scheduler, the desktop's shell) is in no job.

import { randomUUID } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import type { GroupListener, ProcessGroups, StartedProgram } from "../host.ts";
import { commandLine, environmentBlock } from "./command-line.ts";
import { endJob, makeJob } from "./job.ts";
import { createProcess, type Process } from "./process-creation.ts";
import { type Handle, systemCalls } from "./system-calls.ts";

const LOOK_EVERY_MS = 10;
const WAIT_OBJECT_0 = 0;

export class WindowsProcessGroups implements ProcessGroups {
  readonly #living = new Map<number, Handle>();
  readonly #told: GroupListener;

  constructor(told: GroupListener = () => {}) {
    this.#told = told;
  }

  async start(path: string, programArguments: readonly string[]): Promise<StartedProgram> {
    const line = commandLine(path, programArguments);
    const environment = environmentBlock(process.env);
    const output = await openPipe();
    const job = makeJob();
    try {
      const started = createProcess({ path, commandLine: line, environment, outputPipe: output.name, job });
      this.#living.set(started.pid, job);
      this.#told(started.pid, true);
      const ended = this.#ended(started);
      return { pid: started.pid, stdout: await output.connected, ended };
    } catch (error) {
      endJob(job);
      throw error;
    } finally {
      output.server.close();
    }
  }

  end(pid: number): void {
    const job = this.#living.get(pid);
    if (job === undefined) return;
    this.#living.delete(pid);
    endJob(job);
    this.#told(pid, false);
  }

  endAll(): void {
    for (const pid of [...this.#living.keys()]) this.end(pid);
  }

  /** Windows tells the end of a process to who waits on a thread, so that a timer has to look instead. */
  #ended({ pid, handle }: Process): Promise<number | undefined> {
    const { WaitForSingleObject, GetExitCodeProcess, CloseHandle } = systemCalls();
    return new Promise((resolve) => {
      const looking = setInterval(() => {
        if (WaitForSingleObject(handle, 0) !== WAIT_OBJECT_0) return;
        clearInterval(looking);
        const code: (number | null)[] = [null];
        const told = GetExitCodeProcess(handle, code) !== 0 && this.#living.has(pid);
        CloseHandle(handle);
        resolve(told ? (code[0] ?? undefined) : undefined);
      }, LOOK_EVERY_MS);
    });
  }
}

interface OutputPipe {
  readonly name: string;
  readonly server: Server;
  readonly connected: Promise<Socket>;
}

/** A named pipe: the only kind that Node reads without a thread. Nothing that is written is lost when the writer ends. */
function openPipe(): Promise<OutputPipe> {
  const name = `\\\\.\\pipe\\drover-exec-${randomUUID()}`;
  const server = createServer();
  const connected = new Promise<Socket>((resolve) => server.once("connection", resolve));
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(name, () => resolve({ name, server, connected }));
  });
}
