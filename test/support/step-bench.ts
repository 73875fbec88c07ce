// One command carried out on a simulated desktop, without an agent around it: what tests of steps need.

import { setTimeout as sleep } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { DesktopWindow } from "../../agent/desktop/desktop.ts";
import { simulatedDesktop } from "../../agent/desktop/simulated.ts";
import { simulatedNotes } from "../../agent/desktop/simulated-notes.ts";
import { simulatedSight } from "../../agent/desktop/simulated-sight.ts";
import { type InputEntry, SimulatedWorld } from "../../agent/desktop/simulated-world.ts";
import { thisHost } from "../../agent/host/this-host.ts";
import { carryOut } from "../../agent/steps/carry-out.ts";
import type { Scope } from "../../agent/steps/scope.ts";
import { StepEnded } from "../../agent/steps/step-ended.ts";
import { type ArtifactKind, CommandSchema } from "../../proto/gen/drover/agent/v1/channel_pb.ts";

export type CommandInit = Extract<MessageInitShape<typeof CommandSchema>, { $typeName?: never }>;

export class Bench {
  readonly inputs: InputEntry[] = [];
  readonly kept: ArtifactKind[] = [];
  readonly ending = new AbortController();
  readonly listeners = new Set<() => void>();
  readonly allowExec = new Map<string, string>();
  mayInject = true;
  personPresses = 0;
  heldMs = 0;
  /** Asks a window that does not answer for as long as it is told to. */
  patient = false;
  /** Called whenever permission is asked for. */
  asked = () => {};
  #changed = Promise.withResolvers<void>();
  readonly world = new SimulatedWorld({
    machine: "one",
    applications: [simulatedNotes()],
    log: (entry) => void this.inputs.push(entry),
  });

  hold(): void {
    this.mayInject = false;
    for (const listener of this.listeners) listener();
  }

  resume(): void {
    this.mayInject = true;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** How often a window list was taken. */
  looks = 0;

  do(command: CommandInit, timeoutMs = 2000) {
    const desktop = simulatedDesktop(this.world);
    const windows = () => {
      this.looks++;
      return Promise.resolve(this.world.windows.map((window) => ({ ...window, className: "" })));
    };
    const scope: Scope = {
      desktop: Object.assign(desktop, {
        windows,
        responsive: (window: DesktopWindow, waitMs: number) => this.#responsive(window, waitMs),
      }),
      sight: simulatedSight(),
      processNames: ["mousepad"],
      permission: {
        mayInject: () => {
          this.asked();
          return this.mayInject;
        },
        personPresses: () => this.personPresses,
        heldMs: () => this.heldMs,
        changed: () => this.#changed.promise,
        onHold: (listener) => {
          this.listeners.add(listener);
          return () => void this.listeners.delete(listener);
        },
      },
      signal: this.ending.signal,
      allowExec: this.allowExec,
      groups: thisHost.processGroups(),
      keep: (kind) => `${this.kept.push(kind)}`,
    };
    const timer = setTimeout(
      () => this.ending.abort(new StepEnded("TIMEOUT", "the command's time was over")),
      timeoutMs,
    );
    return carryOut(create(CommandSchema, { number: 1, ...command }), scope).finally(() => clearTimeout(timer));
  }

  /** Without `patient` it does not wait as long as it might: a test has no time. */
  async #responsive({ id }: DesktopWindow, waitMs: number): Promise<boolean> {
    await sleep(5);
    const answers = this.world.windows.some((window) => window.id === id && !window.frozen);
    if (!answers && this.patient) await sleep(waitMs);
    return answers;
  }

  get typed(): string {
    return this.inputs.map(({ key }) => key).join("");
  }
}

export function launched(): Bench {
  const bench = new Bench();
  bench.world.launch(["mousepad"]);
  return bench;
}

export const launchedWith = (changes: Partial<Bench>): Bench => Object.assign(launched(), changes);

export const type = (text: string): CommandInit => ({ action: { case: "type", value: { text } } });
export const window = (title: string) => ({ kind: { case: "window" as const, value: { title } } });
export const text = (wanted: string) => ({ kind: { case: "text" as const, value: { text: wanted } } });

export function frozen(): Bench {
  const bench = launched();
  for (const each of bench.world.windows) each.frozen = true;
  return bench;
}
