// Runs on real desktops that a test stops at a chosen step, by what it does to their machine; and what became of them.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { AttemptPurpose, type Inputs, nameOf, type RunEvent, type RunHandle } from "../../sdk/index.ts";
import { Onlooker, type ShownWindow } from "./onlooker.ts";
import { killProcess, type Product } from "./product.ts";

/** A process that stands still outlives its X server, and would be seen on the next one of that name. */
export function killIfThere(pid: number): void {
  try {
    killProcess(pid);
  } catch {
    // It has ended, as it should.
  }
}

export class CutOff {
  readonly product: Product;
  readonly run: RunHandle;
  /** The machine that it is on when its step begins. */
  readonly machine: string;
  readonly #attempt: number;

  private constructor(product: Product, run: RunHandle, { machine, attempt }: { machine: string; attempt: number }) {
    this.product = product;
    this.run = run;
    this.machine = machine;
    this.#attempt = attempt;
  }

  /** Starts the workflow, and gives the run once its step `step` begins. */
  static async at(product: Product, step: string, workflow: string, inputs: Inputs = {}): Promise<CutOff> {
    const run = await product.client().start(workflow, inputs);
    for await (const event of run) {
      if (event.kind === "STEP_STARTED" && event.step === step) return new CutOff(product, run, event);
    }
    return assert.fail(`the step ${step} never began\n${await product.tell(run.id)}`);
  }

  /** Resolves when its step `step` begins. */
  async reaches(step: string): Promise<void> {
    for await (const event of this.run) if (event.kind === "STEP_STARTED" && event.step === step) return;
    assert.fail(`the step ${step} never began\n${await this.product.tell(this.run.id)}`);
  }

  windows(): Promise<ShownWindow[]> {
    return new Onlooker(this.product.machine(this.machine).session).windows();
  }

  /** The pid of the machine's editor. */
  async editor(): Promise<number> {
    const editor = (await this.windows()).find(({ title }) => title.endsWith("Mousepad"));
    return editor?.pid ?? assert.fail("there is no editor");
  }

  /** Lets the machine's editor stand still; gives its pid. When the test is over it is killed, if it is still there. */
  async freezeEditor(t: TestContext): Promise<number> {
    const pid = await this.editor();
    process.kill(pid, "SIGSTOP");
    t.after(() => killIfThere(pid));
    return pid;
  }

  killAgent(): void {
    killProcess(this.product.machine(this.machine).agentPid() ?? assert.fail("no agent runs"));
  }

  /** It must succeed. */
  async succeeds(): Promise<void> {
    await this.run.result().catch(async (error) => assert.fail(`${error}\n${await this.product.tell(this.run.id)}`));
  }

  /** Its outcome and how far its commit came, in words. */
  async end(): Promise<string> {
    const end = (await this.events()).at(-1);
    return end?.kind === "ENDED" ? `${end.outcome} ${end.commitLabel}` : assert.fail("its last event is not its end");
  }

  /** All of its events, once it has ended. */
  async events(): Promise<RunEvent[]> {
    const events: RunEvent[] = [];
    for await (const event of this.product.client().run(this.run.id)) events.push(event);
    return events;
  }

  /** What was done, and where, from the attempt on that was cut off: a machine before it may not have been ready. */
  async attempts(): Promise<string[]> {
    const { attempts } = await this.run.refresh();
    const since = attempts.filter(({ number }) => number >= this.#attempt);
    return since.map((each) => `${nameOf(AttemptPurpose, each.purpose)?.toLowerCase()} on ${each.machineName}`);
  }
}
