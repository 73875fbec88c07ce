// Streams that fall silent: the server gives signs of life, and without one for long the other end is gone.

/** What an open stream ends with when it was silent for too long. */
export const silence = new Error("the server gave no sign of life");

/**
 * The messages of one stream, cut when it is silent for too long; always let go of when the reader stops. The silence clock runs
 * only while the stream is waited for, not while the reader works on a message.
 */
export async function* untilSilent<Message>(
  open: (signal: AbortSignal) => AsyncIterable<Message>,
  idleMs: number,
  signal: AbortSignal,
): AsyncGenerator<Message, void, undefined> {
  const cut = new AbortController();
  const onAbort = () => cut.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const messages = open(cut.signal)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await withinMs(messages.next(), idleMs);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    cut.abort();
  }
}

/** The promise's value, or a rejection with `silence` when it takes too long. */
function withinMs<T>(promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(silence), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
