// Fair shares of a pool between callers, whatever each of them has waiting. Pure.
//
// Start-time fair queueing (Goyal, Vin, Cheng 1996), with a placement as the unit of service: a caller who begins to wait has
// the pool's virtual time as the start tag of its next run, or its finish tag; the lowest goes next; the pool's virtual time
// becomes that tag unless it is later, and the caller's finish tag one more. Whoever was away gets no credit for it, and no
// burst delays anybody else's next run by more than two placements for each other caller. That holds where others go on on
// machines that one has no use for: a tag stays as it is while its caller waits, so that the one who waits longest is next.

export interface Shares {
  readonly virtualTime: number;
  /** Start tags of the next runs, by caller. One who has none has begun to wait just now. */
  readonly finish: { readonly [caller: string]: number };
}

/** The shares when these callers wait: those who have no tag have begun to wait now. */
export const begun = (shares: Shares, callers: Iterable<string>): Shares => ({
  ...shares,
  finish: Object.fromEntries([...callers].map((caller) => [caller, startTag(shares, caller)])),
});

/** The start tag of the caller's next run. */
export const startTag = ({ virtualTime, finish }: Shares, caller: string): number =>
  Object.hasOwn(finish, caller) ? (finish[caller] ?? virtualTime) : virtualTime;

/** The shares after a run of the caller was placed. One who had to wait for a machine for long has no turns to catch up on. */
export function served(shares: Shares, caller: string): Shares {
  const start = Math.max(shares.virtualTime, startTag(shares, caller));
  return { virtualTime: start, finish: { ...shares.finish, [caller]: start + 1 } };
}
