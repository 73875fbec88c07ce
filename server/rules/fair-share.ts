// Fair shares of a pool between callers, whatever each of them has waiting. Pure.
//
// Start-time fair queueing (Goyal, Vin, Cheng 1996), with a placement as the unit of service: a caller's next run has the start
// tag max(the pool's virtual time, the caller's finish tag); the lowest goes next; the caller's finish tag becomes that tag + 1
// and the pool's virtual time that tag. Whoever was away gets no credit for it, and no burst delays anybody else's next run by
// more than one placement for each other caller.

export interface Shares {
  readonly virtualTime: number;
  /** Finish tags by caller; 0 when there is none. */
  readonly finish: { readonly [caller: string]: number };
}

/** The start tag of the caller's next run. */
export const startTag = ({ virtualTime, finish }: Shares, caller: string): number =>
  Math.max(virtualTime, Object.hasOwn(finish, caller) ? (finish[caller] ?? 0) : 0);

/** The shares after a run of the caller was placed. */
export function served(shares: Shares, caller: string): Shares {
  const start = startTag(shares, caller);
  return { virtualTime: start, finish: { ...shares.finish, [caller]: start + 1 } };
}
