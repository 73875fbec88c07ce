// The gate that every single input call of a command passes (G1, G3). It admits a call only while the lease clock runs,
// the command has not ended, and the window that receives the call belongs to the leased application and to the
// command's own window. It counts what it admitted, so that a result can say exactly how much input arrived.

import { setImmediate as nextTurn } from "node:timers/promises";
import { InputAmount } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import type { WindowPattern } from "@drover/proto/gen/drover/agent/v1/screen_pb.ts";
import type { DesktopWindow, InputGate } from "../desktop/desktop.ts";
import { StepEnded, unlessEnded } from "./step-ended.ts";
import { windowFits } from "./window-pattern.ts";

/** What the gate asks of the lease. */
export interface InjectionPermission {
  mayInject(): boolean;
  changed(): Promise<void>;
}

/** The agent held before the first input: what was looked at is old, and guard and target must be looked at again. */
export class Outdated extends Error {
  override readonly name = "Outdated";
}

const BREATHE_EVERY_MS = 5;

export class CommandGate implements InputGate {
  /** Windows that may receive input, besides belonging to the application; any of them. Empty: no further rule. */
  receivers: readonly WindowPattern[] = [];
  readonly #permission: InjectionPermission;
  readonly #processes: readonly string[];
  readonly #signal: AbortSignal;
  #admitted = 0;
  #injected = 0;
  #complete = false;
  #breathedAt = performance.now();

  constructor(permission: InjectionPermission, processes: readonly string[], signal: AbortSignal) {
    this.#permission = permission;
    this.#processes = processes;
    this.#signal = signal;
  }

  /** Waits while the agent holds. For the start of a command, when nothing has been looked at yet. */
  async live(): Promise<void> {
    this.#signal.throwIfAborted();
    while (!this.#permission.mayInject()) await unlessEnded(this.#signal, this.#permission.changed());
  }

  async ready(): Promise<void> {
    await this.#breathe();
    this.#signal.throwIfAborted();
    if (this.#permission.mayInject()) return;
    await this.live();
    if (this.#admitted === 0) throw new Outdated();
  }

  admit(receiver: DesktopWindow | undefined): void {
    this.check(receiver);
    this.#admitted++;
  }

  /** The question alone, for an act that is no input: raising a window. */
  check(receiver: DesktopWindow | undefined): void {
    this.#checkLease();
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
    await this.ready();
    this.#checkLease();
    this.#admitted++;
    const done = await doIt();
    this.injected();
    return done;
  }

  /** For an act on a window that is no input call: closing it. */
  async actOn<T>(window: DesktopWindow, doIt: () => Promise<T>): Promise<T> {
    await this.ready();
    this.admit(window);
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

  #checkLease(): void {
    this.#signal.throwIfAborted();
    if (!this.#permission.mayInject()) throw new StepEnded("LEASE_LOST", "the lease ran out at an input call");
  }
}
