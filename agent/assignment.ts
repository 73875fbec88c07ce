// Compares what the agent should be doing with what it holds (the head of channel.proto says each case). Pure.
//
// 1. The epoch and, within an attempt, the last known command number only grow.
// 2. No order ever starts a number at or below the last known one: a repeated or reordered message injects nothing.

/** The attempt in hand, as far as assignments matter. */
export interface HeldAttempt {
  readonly attemptId: string;
  /** The highest command number known; 0 before the first. */
  readonly lastNumber: number;
  /** Whether that command is still being carried out. */
  readonly inHand: boolean;
}

export interface Held {
  /** The highest epoch seen since the incarnation began. */
  readonly epoch: bigint;
  readonly attempt: HeldAttempt | undefined;
}

/** What an `Assignment` says, without the command itself. */
export interface Wanted {
  readonly epoch: bigint;
  /** Absent: no lease. */
  readonly attemptId: string | undefined;
  readonly abandon: boolean;
  readonly commandNumber: number | undefined;
}

export type Order =
  /** Stop the command in hand without a result, forget the attempt and its unacknowledged results. */
  | { readonly order: "forget" }
  /** Do the assignment's command. */
  | { readonly order: "start"; readonly number: number }
  /** Stop the command in hand; its result says CANCELLED. */
  | { readonly order: "abandon" }
  /** A command that was abandoned before it ever arrived: CANCELLED, input NONE. */
  | { readonly order: "cancel-unstarted"; readonly number: number }
  /** Send this number's result again, if it is still there. */
  | { readonly order: "resend"; readonly number: number }
  /** A gap: PROTOCOL, input NONE. */
  | { readonly order: "refuse"; readonly number: number };

export type Decision =
  /** A late message of an older lease. */
  { readonly is: "stale" } | { readonly is: "current"; readonly held: Held; readonly orders: readonly Order[] };

export function decide(held: Held, wanted: Wanted): Decision {
  if (wanted.epoch < held.epoch) return { is: "stale" };
  const epoch = wanted.epoch;
  if (wanted.attemptId === undefined) {
    const orders: Order[] = held.attempt === undefined ? [] : [{ order: "forget" }];
    return { is: "current", held: { epoch, attempt: undefined }, orders };
  }
  const same = held.attempt?.attemptId === wanted.attemptId ? held.attempt : undefined;
  const forget: Order[] = held.attempt !== undefined && same === undefined ? [{ order: "forget" }] : [];
  const attempt = same ?? { attemptId: wanted.attemptId, lastNumber: 0, inHand: false };
  const [next, orders] = withinAttempt(attempt, wanted);
  return { is: "current", held: { epoch, attempt: next }, orders: [...forget, ...orders] };
}

function withinAttempt(attempt: HeldAttempt, { commandNumber: number, abandon }: Wanted): [HeldAttempt, Order[]] {
  const stop: Order[] = abandon && attempt.inHand ? [{ order: "abandon" }] : [];
  if (number === undefined) return [attempt, stop];
  if (number <= attempt.lastNumber) {
    const current = number === attempt.lastNumber && attempt.inHand;
    return [attempt, current ? stop : [...stop, { order: "resend", number }]];
  }
  // One command is outstanding at a time: a next one while the last is in hand is as wrong as a gap.
  if (number > attempt.lastNumber + 1 || attempt.inHand) return [attempt, [...stop, { order: "refuse", number }]];
  const known = { ...attempt, lastNumber: number };
  if (abandon) return [known, [{ order: "cancel-unstarted", number }]];
  return [{ ...known, inHand: true }, [{ order: "start", number }]];
}

/** The command in hand has ended. */
export function ended(held: Held): Held {
  return held.attempt === undefined ? held : { ...held, attempt: { ...held.attempt, inHand: false } };
}
