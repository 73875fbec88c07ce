// Every wait of the client, with its unit and its reason. `createClient({ limits })` replaces any of them.

/** How long the client waits for what. */
export interface ClientLimits {
  /** One try of a call. Longer than the largest picture takes over a slow line; shorter than a dead network's own silence. */
  attemptMs: number;
  /** All tries of one call together. After it the call throws `Unavailable`. */
  callPatienceMs: number;
  /** How long a watch goes without one word from any replica before it throws `Unavailable`. A run outlives it. */
  watchPatienceMs: number;
  /** Silence on an open watch that means the other end is gone. The server gives a sign of life at least every 10 s. */
  idleMs: number;
  /** The shortest wait before another try. */
  backoffMinMs: number;
  /** The longest wait before another try. */
  backoffMaxMs: number;
}

export const defaultLimits: ClientLimits = {
  attemptMs: 15_000,
  callPatienceMs: 30_000,
  watchPatienceMs: 600_000,
  idleMs: 25_000,
  backoffMinMs: 100,
  backoffMaxMs: 5_000,
};

/** The most runs that one StartRuns call may carry; `startMany` splits what is more. */
export const startRunsMax = 1000;

/** A release of the agent is uploaded in pieces of this length, as release.proto says. */
export const releasePieceBytes = 1024 * 1024;

/** The largest message that is read: an artifact with room to spare. Without it the library would accept 4 GiB. */
export const messageBytesMax = 64 * 1024 * 1024;

/** How often a watch may meet a hole in the event numbers before that is the server's fault and not a torn stream's. */
export const holesMax = 3;
