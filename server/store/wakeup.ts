// Wakes whoever waits for a change, in this process and in others. A hint, never a fact: it may be lost, late or
// repeated; who is woken reads again, and everybody reads again on a timer anyway.
//
// NOTIFY holds a lock over the whole database from commit until the flush is done, so it is never part of a business
// transaction: topics are collected for a few milliseconds and sent together, after commit, on a connection of their own.

import { openDatabase } from "../postgres/connect.ts";

export interface Wakeup {
  /** Wakes subscribers of these topics here at once, elsewhere within milliseconds. Call after commit. */
  publish(topics: Iterable<string>): void;
  /** `wake` is called for the topic, and whenever wakes may have been missed. Returns how to let go. */
  subscribe(topic: string, wake: () => void): () => void;
  stop(): Promise<void>;
}

const channel = "drover";
const coalesceMs = 5;
/** Postgres refuses a payload of 8000 bytes. */
const payloadBytesMax = 7_900;

export async function openWakeup(databaseUrl: string, log: { warn(message: string): void }): Promise<Wakeup> {
  const sender = crypto.randomUUID();
  const subscribers = new Map<string, Set<() => void>>();
  const sql = openDatabase(databaseUrl, { max: 1, onnotice: () => {} });
  const pending = new Set<string>();
  let flush: NodeJS.Timeout | undefined;
  let stopped = false;

  const wakeLocal = (topic: string) => {
    for (const wake of [...(subscribers.get(topic) ?? [])]) wake();
  };
  const wakeAll = () => {
    for (const topic of [...subscribers.keys()]) wakeLocal(topic);
  };

  async function send() {
    flush = undefined;
    const topics = [...pending];
    pending.clear();
    for (const payload of chunks(sender, topics)) await sql`select pg_notify(${channel}, ${payload})`;
  }

  const listening = await sql.listen(
    channel,
    (payload) => {
      const [from, ...topics] = payload.split(" ");
      if (from !== sender) for (const topic of topics) wakeLocal(topic);
    },
    // Called again after each reconnection: whatever was sent in between was missed.
    wakeAll,
  );

  return {
    publish(topics) {
      if (stopped) return;
      for (const topic of topics) {
        pending.add(topic);
        setImmediate(wakeLocal, topic);
      }
      flush ??= setTimeout(
        () => send().catch(() => log.warn("a wake-up could not be sent; timers cover for it")),
        coalesceMs,
      );
    },
    subscribe(topic, wake) {
      const set = subscribers.get(topic) ?? new Set();
      subscribers.set(topic, set.add(wake));
      return () => {
        set.delete(wake);
        if (set.size === 0 && subscribers.get(topic) === set) subscribers.delete(topic);
      };
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      clearTimeout(flush);
      await listening.unlisten().catch(() => {});
      await sql.end({ timeout: 2 });
    },
  };
}

function* chunks(sender: string, topics: readonly string[]): Generator<string> {
  let payload = sender;
  for (const topic of topics) {
    if (payload.length + topic.length + 1 > payloadBytesMax) {
      yield payload;
      payload = sender;
    }
    payload += ` ${topic}`;
  }
  if (payload !== sender) yield payload;
}

/** The topics there are. */
export const topics = {
  /** Events of a run. */
  run: (id: string) => `run:${id}`,
  /** Events of any run of the tenant. */
  events: (tenantId: string) => `events:${tenantId}`,
  /** What a machine's agent should be doing. */
  machine: (id: string) => `machine:${id}`,
  /** Runs wait, or machines are free. */
  placing: "placing",
  /** A halt of the tenant began or ended: any of its machines may be concerned. */
  halts: (tenantId: string) => `halts:${tenantId}`,
  /** Attempts may have to hold, or to go on. */
  holding: "holding",
  /** A rollout was started, stopped or resumed, or moved on: any machine may be concerned. */
  rollouts: "rollouts",
  /** Which release is wanted on a machine, or its restart. */
  release: (machineId: string) => `release:${machineId}`,
  /** Keys were revoked. */
  keys: "keys",
} as const;
