// How much of a processor something takes at best. What else the machine does counts only where it makes the work itself slower,
// and never makes it faster: the shortest of a few tries says what it costs, on a busy machine too.

const triesMax = 5;

/** The shortest of at most five tries in milliseconds of processor time; the first that is below `enoughMs` is enough. */
export function quickestMs(enoughMs: number, work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < triesMax && best >= enoughMs; tries++) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1000);
  }
  return best;
}
