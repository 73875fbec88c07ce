// Loads postgres.js, with three faults of it mended on the way (its issues 1154 and 1208 tell of the first two, open in
// 3.4.9). All are about a connection that the database closes.
//
// 1. What is written to a connection without a socket throws in a turn of the event loop of its own, where nobody can
//    catch it, and ends the process: a database that restarted under load took every replica with it. Here its query
//    fails as any query of a closed connection does.
// 2. A write that was put off to the next turn is taken back at the close, but counts as put off for ever: after the
//    reconnection nothing short is sent any more, and queries wait for an answer to nothing.
// 3. What a transaction says after its connection was closed is said on the connection that follows, outside of any
//    transaction. Here it fails.
//
// To be taken out when a release of postgres.js has mended them. Until then another source than the known one is
// refused, so that nobody runs without the mends unawares.

import { registerHooks } from "node:module";

interface Mend {
  readonly says: string;
  readonly instead: string;
  readonly times: number;
}

const mends: Readonly<Record<string, readonly Mend[]>> = {
  "postgres/src/connection.js": [
    {
      says: "    clearImmediate(nextWriteTimer)\n",
      instead: "    clearImmediate(nextWriteTimer); chunk = nextWriteTimer = null\n",
      times: 2,
    },
    {
      says: "  function nextWrite(fn) {\n",
      instead: `  function nextWrite(fn) {
    if (socket === null) {
      nextWriteTimer !== null && clearImmediate(nextWriteTimer)
      chunk = nextWriteTimer = null
      const closed = Errors.connection('CONNECTION_CLOSED', options)
      query && queryError(query, closed)
      query = null
      while (sent.length) queryError(sent.shift(), closed)
      return false
    }\n`,
      times: 1,
    },
  ],
  "postgres/src/index.js": [
    {
      says: "new Promise((_, reject) => connection.onclose = reject)",
      instead: "new Promise((_, reject) => connection.onclose = e => reject(gone = e))",
      times: 1,
    },
    { says: "    let savepoints = 0\n", instead: "    let gone = null, savepoints = 0\n", times: 1 },
    {
      says: "        q.catch(e => uncaughtError || (uncaughtError = e))\n",
      instead: "        q.catch(e => uncaughtError || (uncaughtError = e))\n        if (gone) return q.reject(gone)\n",
      times: 1,
    },
  ],
};

/** Throws when the source is not the one that the mends were made for. */
export function mended(source: string, made: readonly Mend[]): string {
  return made.reduce((text, { says, instead, times }) => {
    const parts = text.split(says);
    if (parts.length !== times + 1) throw new Error("postgres.js has changed: see server/postgres/driver.ts");
    return parts.join(instead);
  }, source);
}

const hooks = registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    const made = Object.entries(mends).find(([file]) => url.endsWith(file))?.[1];
    if (made === undefined || loaded.source === undefined) return loaded;
    const source =
      typeof loaded.source === "string" ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString("utf8");
    return { ...loaded, source: mended(source, made) };
  },
});
// Not by an import statement: that would have loaded it before the hook was there.
export const { default: driver } = await import("postgres");
hooks.deregister();
