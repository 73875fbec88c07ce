// Every limit of the control plane, with its unit and its reason.

/** The clocks of G1. All in milliseconds. */
export interface LeaseClocks {
  /** An agent sends a beat this often. */
  readonly beatMs: number;
  /** An agent injects until the send time of its newest acked beat plus this. */
  readonly agentStopMs: number;
  /** A machine's work is handed on this long after the last beat that a living replica received. */
  readonly takeoverMs: number;
  /** A replica renews its row this often ... */
  readonly replicaRenewMs: number;
  /** ... and the row ends this long after the renewal was sent. */
  readonly replicaEndMs: number;
}

export const leaseClocks: LeaseClocks = {
  beatMs: 3_000,
  agentStopMs: 10_000,
  takeoverMs: 13_000,
  replicaRenewMs: 1_000,
  replicaEndMs: 3_000,
};

/** G1's inequality, checked at start: `2 * beat < agent stop < takeover - 2 s`; the margin shrinks with test clocks. */
export function checkLeaseClocks(clocks: LeaseClocks): string | undefined {
  const marginMs = Math.min(2_000, clocks.takeoverMs * 0.15);
  if (2 * clocks.beatMs >= clocks.agentStopMs) {
    return `two beats (${2 * clocks.beatMs} ms) must be shorter than the agent's stop (${clocks.agentStopMs} ms)`;
  }
  if (clocks.agentStopMs >= clocks.takeoverMs - marginMs) {
    return `the agent's stop (${clocks.agentStopMs} ms) must come ${marginMs} ms before takeover (${clocks.takeoverMs} ms)`;
  }
  if (clocks.replicaRenewMs >= clocks.replicaEndMs) {
    return `a replica's renewal (${clocks.replicaRenewMs} ms) must come before its end (${clocks.replicaEndMs} ms)`;
  }
  return undefined;
}

/**
 * How long an agent has to come back that has left a stream on which it heard nothing for two beats, and has said so: it
 * injects nothing, and what `exec` started ends with its lease, which by then has the rest of its stop to run.
 */
export function redialGraceMs(clocks: LeaseClocks): number {
  const marginMs = Math.min(2_000, clocks.takeoverMs * 0.15);
  return clocks.agentStopMs - 2 * clocks.beatMs + marginMs;
}

export const limits = {
  /** How long a run waits for a machine when nobody says: long enough for a night's backlog to be seen, not for ever. */
  queueTimeoutMs: 60 * 60_000,
  /** How long a run may take once placed when nobody says. */
  runTimeoutMs: 10 * 60_000,
  /** Time for one readiness proof: several OCR passes on a slow machine. */
  proveTimeoutMs: 30_000,
  /** Time for a launched application to become ready before the next proof counts as final. */
  launchReadyMs: 30_000,
  /** Between two proofs while a launched application comes up. */
  proveAgainMs: 500,
  /** Repairs (launches) in one attempt before it is NOT_READY: one, and one more for an application that died at once. */
  repairsMax: 2,
  /** Placements of one run that ended NOT_READY and were not counted as attempts, before they are. */
  notReadyMax: 5,
  /** Nothing is placed on a machine that was not ready for so long; it doubles each time in a row ... */
  unreadyMs: 5_000,
  /** ... up to this: somebody may have repaired it meanwhile. */
  unreadyMaxMs: 5 * 60_000,
  /** How long it is tried to find out by `verify` whether a commit took hold, when the workflow does not say. */
  verifyWithinMs: 10 * 60_000,
  /**
   * How long an application has to finish what the last input asked of it, before it is looked whether it did: what is looked
   * for too early is not there yet. After a takeover at least as long has passed.
   */
  verifyAfterMs: 3_000,
  /** Between two tries of that; it doubles each time ... */
  verifyAgainMs: 2_000,
  /** ... up to this. */
  verifyAgainMaxMs: 60_000,
  /** How long one cleaning up of a machine may take. */
  upkeepMs: 5 * 60_000,
  /** How long what a machine does may go on once it is drained, when nobody says. */
  drainMs: 10 * 60_000,
  /** How long the application has to end. */
  endApplicationMs: 15_000,
  /** How long past a command's own timeout the agent has to report it, before it is asked to abandon it. */
  resultGraceMs: 5_000,
  /** How long an agent has to answer an abandon before the attempt is ended without its word. */
  abandonGraceMs: 5_000,
  /** How long cleanup may go on past the run's deadline, before the machine is taken over. */
  cleanupMs: 60_000,
  /** Attempts that fail one after the other on a machine before it is quarantined ... */
  quarantineAfter: 3,
  /** ... for so long; it doubles each time in a row ... */
  quarantineMs: 30_000,
  /** ... up to this: somebody may have repaired it meanwhile. */
  quarantineMaxMs: 30 * 60_000,
  /** Runs read per route and placing pass: bounds the pass, not the queue. */
  placingHead: 32,
  /** Free machines read per placing pass of those that offer the same. */
  placingMachines: 256,
  /** Of how many of its last successes it is told how long a workflow usually takes. */
  usualOf: 21,
  /** How far ahead a run can be asked for. */
  notBeforeMaxMs: 30 * 24 * 60 * 60_000,
  /** How long runs are kept after they ended when a tenant has set nothing else. */
  keepRunsMs: 90 * 24 * 60 * 60_000,
  /** How long artifacts are kept when a tenant has set nothing else. */
  keepArtifactsMs: 7 * 24 * 60 * 60_000,
  /** How long it is remembered that an idempotency key was used by a run that was deleted since. */
  keepSpentKeysMs: 400 * 24 * 60 * 60_000,
  /** How often it is looked for what is kept no longer. */
  retainingMs: 30_000,
  /** While there is more, it rests for so many times as long as its last pass took. */
  retainingRest: 9,
  /** Runs that are deleted in one transaction, with all that belongs to them: a short one. */
  retainingRuns: 50,
  /** Artifacts that are deleted in one transaction ... */
  retainingArtifacts: 100,
  /** ... and spent keys that are forgotten in one. */
  retainingKeys: 1_000,
  /** So many that cannot be deleted are passed over to delete others; then the blob store is given time. */
  retainingPassedMax: 1_000,
  /** Frames of a film strip that are kept for an attempt: the last ones tell why it ended. */
  filmFramesMax: 40,
  /** Commands of an attempt that its failure context tells: the last ones tell why it ended. */
  timelineMax: 200,
  /** Largest artifact, in bytes: a 4K screen as PNG. */
  artifactBytesMax: 8 * 1024 * 1024,
  /** Largest inputs of a run, in bytes of JSON. */
  inputsBytesMax: 1024 * 1024,
  /** How long an agent has to say Hello. */
  helloMs: 10_000,
  /** Between health screenshots. */
  healthMs: 30_000,
} as const;
