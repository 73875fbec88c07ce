// What a watcher waits on. Wake-ups are hints: one that comes while it looks must not be lost, and one that never comes must
// not keep it waiting.

export interface Bell {
  ring(): void;
  /** Waits for a ring, at most so long; one that came while nobody waited counts. Over at once when the signal fires. True if it rang. */
  rung(atMostMs: number): Promise<boolean>;
}

export function createBell(signal: AbortSignal): Bell {
  let rang = false;
  let wake = () => {};
  return {
    ring() {
      rang = true;
      wake();
    },
    async rung(atMostMs) {
      if (!rang && !signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const timer = setTimeout(resolve, atMostMs);
        wake = resolve;
        signal.addEventListener("abort", wake, { once: true });
        await promise;
        signal.removeEventListener("abort", wake);
        clearTimeout(timer);
      }
      const told = rang;
      rang = false;
      return told;
    },
  };
}
