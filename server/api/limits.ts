// Every limit of the public port, with its unit and its reason.

const mib = 1024 * 1024;

export const apiLimits = {
  /** Halts in force that are listed: people make them, one by one. */
  haltsMax: 1_000,
  /** The same of pauses, and of limits of how many runs are under way at the same time. */
  pausesMax: 1_000,
  concurrencyLimitsMax: 1_000,
  /** A request message. Inputs are at most 1 MiB; many small runs fit into one StartRuns. */
  readBytesMax: 4 * mib,
  /** PutWorkflow and PutApplication: 64 files of 256 KiB and the source are 17 MiB, and a third more as JSON (base64). */
  definitionReadBytesMax: 24 * mib,
  /** From the first byte to the last of a request's headers: a port scanner or a slow writer is hung up on. */
  headersMs: 10_000,
  /** To send a whole request: 24 MiB over a thin line. */
  requestMs: 120_000,
  /** An HTTP/1.1 connection on which nothing moves. A watch moves at least every `signOfLifeMs`. */
  silenceMs: 60_000,
  /** Between pings of an HTTP/2 connection; one that is not answered by the next ends it (a frozen client never closes). */
  pingMs: 15_000,
  /** Calls at once on one HTTP/2 connection: a client that watches thousands of runs stays within it. */
  streamsMax: 4_096,
  /** Below the 10 s that run.proto promises, by a margin for a busy replica. */
  signOfLifeMs: 8_000,
  /** A watcher looks for events at least this often, whatever became of the wake-up. */
  pollMs: 1_000,
  /** Between two looks of a watcher of many runs, when there is not more than it reads at once: events that come together. */
  gatherMs: 25,
  /** Events read at once by a watcher. */
  eventsPage: 256,
  /** How old what is known of a key may be: revocation and expiry hold after at most this. */
  keyAgeMs: 1_000,
  /** Keys remembered at once: bounds the memory, not the number of keys. */
  keysRemembered: 10_000,
  /** How long a key that was good opens the metrics while the database cannot be asked: an outage that nobody sees is the worst. */
  metricsKeyMs: 60 * 60_000,
  /** Keys that read metrics and are remembered for that. */
  metricsKeysRemembered: 100,
  /** How long it is waited for what the database says of such a key; Prometheus waits ten seconds for all. */
  metricsKeyWaitMs: 3_000,
  /** A stream whose key has ended is told so; a client that does not take the news within this is cut off. */
  hangUpMs: 1_000,
  /** Rows to a page when the caller does not say. */
  pageSize: 50,
  /** Nesting of inputs: far above any schema, far below the stack. */
  structDepthMax: 64,
  /** For calls under way to end when the server stops; what is left then is cut off. */
  stopMs: 5_000,
} as const;
