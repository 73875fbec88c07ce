// The gate that every single input call of a command passes (G1, G3). It admits a call only while the lease clock runs,
// the command has not ended, and the window that receives the call belongs to the leased application and to the
// command's own window. It counts what it admitted, so that a result can say exactly how much input arrived.

import { setImmediate as nextTurn } from "node:timers/promises";
import { InputAmount } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import type { WindowPattern } from "@drover/proto/gen/drover/agent/v1/screen_pb.ts";
import type { DesktopWindow, InputGate } from "../desktop/desktop.ts";
import { StepEnded, unlessEnded } from "./step-ended.ts";
import { windowFits } from "./window-pattern.ts";

/** What a command asks of the lease, and of who holds the agent. */
export interface InjectionPermission {
  mayInject(): boolean;
  changed(): Promise<void>;
  /** How often a person has pressed a key or a button so far. */
  personPresses(): number;
  /** For how long somebody has held the agent so far. */
  heldMs(): number;
}

/** The agent held before the first input: what was looked at is old, and guard and target must be looked at again. */
export class Outdated extends Error {
  override readonly name = "Outdated";
}

/** What the gate asks of the application (`liveness.ts`). */
export interface AnswerPermission {
  /** For how long it has not answered. */
  silentMs(): number;
  /** Resolves at its next answer. */
  answered(): Promise<void>;
}

const BREATHE_EVERY_MS = 5;
/** What is sent to an application that hangs lands later, perhaps in another dialog: no more is sent than in this time. */
const SILENT_MAX_MS = 300;

export class CommandGate implements InputGate {
  /** Windows that may receive input, besides belonging to the application; any of them. Empty: no further rule. */
  receivers: readonly WindowPattern[] = [];
  readonly #permission: InjectionPermission;
  readonly #processes: readonly string[];
  readonly #signal: AbortSignal;
  readonly #answers: AnswerPermission | undefined;
  #admitted = 0;
  #injected = 0;
  #complete = false;
  #pressesBefore = 0;
  #breathedAt = performance.now();

  constructor(
    permission: InjectionPermission,
    processes: readonly string[],
    signal: AbortSignal,
    answers?: AnswerPermission,
  ) {
    this.#permission = permission;
    this.#processes = processes;
    this.#signal = signal;
    this.#answers = answers;
  }

  /** Waits while the agent holds. For the start of a command, when nothing has been looked at yet. */
  async live(): Promise<void> {
    this.#signal.throwIfAborted();
    while (!this.#permission.mayInject()) await unlessEnded(this.#signal, this.#permission.changed());
  }

  async ready(): Promise<void> {
    await this.#breathe();
    this.#signal.throwIfAborted();
    if (!this.#permission.mayInject() || this.#silent()) {
      do {
        if (this.#silent()) await unlessEnded(this.#signal, this.#answers?.answered() ?? Promise.resolve());
        await this.live();
      } while (this.#silent());
      if (this.#admitted === 0) throw new Outdated();
    }
    if (this.#admitted > 0) this.#checkPlace();
  }

  #silent(): boolean {
    return this.#answers !== undefined && this.#answers.silentMs() > SILENT_MAX_MS;
  }

  admit(receiver: DesktopWindow | undefined): boolean {
    if (!this.#mayGoOn()) return false;
    this.#checkReceiver(receiver);
    if (this.#admitted === 0) this.#pressesBefore = this.#permission.personPresses();
    this.#admitted++;
    return true;
  }

  /** Waits until an act on a window that is no input may be done: raising it. */
  async allows(window: DesktopWindow): Promise<void> {
    do await this.ready();
    while (!this.#mayGoOn());
    this.#checkReceiver(window);
  }

  /** A person who pressed something in the middle may have moved the caret: the rest would go to another place (G3). */
  #checkPlace(): void {
    if (this.#permission.personPresses() !== this.#pressesBefore) {
      throw new StepEnded("FOCUS_LOST", "a person pressed keys or buttons in the middle of the command's input");
    }
  }

  #checkReceiver(receiver: DesktopWindow | undefined): void {
    if (receiver === undefined) throw new StepEnded("FOCUS_LOST", "no window would receive the input");
    if (!this.#processes.includes(receiver.process)) {
      throw new StepEnded("FOCUS_LOST", "the window is not the application's");
    }
    if (this.receivers.length > 0 && !this.receivers.some((pattern) => windowFits(pattern, receiver))) {
      throw new StepEnded("FOCUS_LOST", "the window is not the step's");
    }
  }

  injected(): void {
    this.#injected++;
  }

  /** For an act that reaches no window: starting a program. The same rules, but for the receiver. */
  async act<T>(doIt: () => Promise<T>): Promise<T> {
    do await this.ready();
    while (!this.#mayGoOn());
    this.#admitted++;
    const done = await doIt();
    this.injected();
    return done;
  }

  /** For an act on a window that is no input call: closing it. */
  async actOn<T>(window: DesktopWindow, doIt: () => Promise<T>): Promise<T> {
    do await this.ready();
    while (!this.admit(window));
    const done = await doIt();
    this.injected();
    return done;
  }

  /** The command did nothing after all: it is known that the last call did not reach the desktop. */
  undone(): void {
    this.#admitted = this.#injected;
  }

  /** All that the command asked for has been done. */
  complete(): void {
    this.#complete = true;
  }

  /** A call that was admitted and not reported may have arrived: that is SOME. */
  get amount(): InputAmount {
    if (this.#admitted === 0) return InputAmount.NONE;
    return this.#complete && this.#admitted === this.#injected ? InputAmount.ALL : InputAmount.SOME;
  }

  /**
   * Lets the event loop turn now and then. A desktop that answers at once would otherwise type a long text in one go,
   * and beats, their acknowledgements and an order to stop would wait for its end.
   */
  async #breathe(): Promise<void> {
    if (performance.now() - this.#breathedAt < BREATHE_EVERY_MS) return;
    await nextTurn();
    this.#breathedAt = performance.now();
  }

  /** Asked in the same turn as the input call is made: permission may have gone since `ready`. */
  #mayGoOn(): boolean {
    this.#signal.throwIfAborted();
    return this.#permission.mayInject();
  }
}
