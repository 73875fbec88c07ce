// The one answer to "may an input call be made now?": the lease clock, and an assignment of this stream that still names the
// attempt (G1), and nobody who holds the agent (G14). Everything that injects asks here, and everything that must stop with the
// lease is told here. Who holds the agent takes no lease away: what `exec` started goes on, and the agent does when it is let go.

import { HoldReason } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import type { HeldBy, Holding, Instruction } from "./holding.ts";
import type { AgentClock } from "./host/host.ts";
import { LeaseClock } from "./lease.ts";

/** Why permission went: the lease clock ran out or was voided under an attempt, or no attempt is named any more. */
export type HoldCause = "LEASE_CLOCK" | "NO_ATTEMPT";

export class Permission {
  readonly #clock: AgentClock;
  readonly #lease = new LeaseClock();
  readonly #holdListeners = new Set<(cause: HoldCause) => void>();
  #changed = Promise.withResolvers<void>();
  #named = false;
  #streaming = false;
  #wasLive = false;
  #tickMs = 250;
  #ticking: NodeJS.Timeout | undefined;
  readonly #voided: () => void;
  readonly #holding: Holding;
  readonly #heldChanged: () => void;
  #heldBy: HeldBy | undefined;

  /**
   * `voided` is called when the machine was found to have stood still, `heldChanged` when somebody else holds the agent than
   * before, or nobody: after both the next beat is wanted at once.
   */
  constructor(clock: AgentClock, voided: () => void, holding: Holding, heldChanged: () => void) {
    this.#clock = clock;
    this.#voided = voided;
    this.#holding = holding;
    this.#heldChanged = heldChanged;
    this.#startTicking();
  }

  mayInject(): boolean {
    return this.#streaming && this.#leased() && this.#held() === undefined;
  }

  /** For how long somebody has held the agent so far, all in all: no command's time. */
  heldMs(): number {
    return this.#holding.heldMs(performance.now());
  }

  /** How often a person who is waited for has pressed a key or a button. */
  personPresses(): number {
    return this.#holding.personPresses();
  }

  /** Why nothing is injected, as beats say it. `busy`: there is something to do. */
  reason(busy: boolean): HoldReason {
    return this.#held() ?? (busy && !this.#leased() ? HoldReason.LEASE : HoldReason.UNSPECIFIED);
  }

  /** Resolves at the next event that may have given permission back. */
  changed(): Promise<void> {
    return this.#changed.promise;
  }

  /** Calls `listener` when permission goes, for whatever cause; returns how to stop that. */
  onHold(listener: (cause: HoldCause) => void): () => void {
    this.#holdListeners.add(listener);
    return () => void this.#holdListeners.delete(listener);
  }

  streamBegan(stopAfterMs: number): void {
    this.#streaming = true;
    this.#named = false;
    this.#tickMs = Math.max(5, Math.min(250, stopAfterMs / 8));
    this.#lease.streamBegan(stopAfterMs, this.#tickMs);
    this.#startTicking();
  }

  /**
   * No input between two streams, although the lease may run on: a machine that was stunned, and whose clocks do not show it,
   * learns by nothing else that its work was handed on. What `exec` started goes on meanwhile.
   */
  streamEnded(): void {
    this.#streaming = false;
  }

  /** An assignment of this stream was received: it holds at once, whatever becomes of its command. */
  instructed(instruction: Instruction): void {
    // What a person did until now is noticed now, so that it is not taken for something that came after the instruction.
    this.#held();
    this.#holding.instructed(instruction, performance.now());
    this.#notice();
  }

  /** An assignment of this stream was taken up: does it name an attempt? */
  assigned(named: boolean): void {
    this.#named = named;
    this.#notice();
  }

  beatSending(number: bigint): void {
    this.#lease.beatSent(number, this.#clock.read());
  }

  beatAcked(number: bigint): void {
    if (this.#lease.beatAcked(number)) this.#notice();
  }

  stop(): void {
    clearInterval(this.#ticking);
    this.#named = false;
    this.#notice();
  }

  #startTicking(): void {
    clearInterval(this.#ticking);
    this.#lease.tick(this.#clock.read());
    this.#ticking = setInterval(() => {
      const stoodStill = this.#lease.tick(this.#clock.read());
      this.#notice();
      if (stoodStill) this.#voided();
    }, this.#tickMs);
  }

  #leased(): boolean {
    return this.#named && this.#lease.mayInject(this.#clock.read());
  }

  #held() {
    return this.#holding.look(performance.now());
  }

  #notice(): void {
    const live = this.#leased();
    if (this.#wasLive && !live) {
      const cause = this.#named ? "LEASE_CLOCK" : "NO_ATTEMPT";
      for (const listener of [...this.#holdListeners]) listener(cause);
    }
    // Asked at every tick, so that a person is seen while the agent sends nothing.
    const heldBy = this.#held();
    if (heldBy === undefined && live) {
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
    this.#wasLive = live;
    const before = this.#heldBy;
    this.#heldBy = heldBy;
    if (heldBy !== before) this.#heldChanged();
  }
}
