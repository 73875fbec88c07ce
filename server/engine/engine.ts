// The engine of one replica: its row, its loops, and what `api` and `channel` may ask of it.

import type { BlobStore } from "../blobs/blob-store.ts";
import { checkLeaseClocks, type LeaseClocks } from "../rules/limits.ts";
import type { ReplicaId } from "../rules/names.ts";
import type { Database } from "../store/database.ts";
import { topics, type Wakeup } from "../store/wakeup.ts";
import { createCatalogue } from "./catalogue.ts";
import type { EngineContext, Log } from "./context.ts";
import { expireAll } from "./expiring.ts";
import { holdAll } from "./halting.ts";
import { createInterpreters } from "./interpreters.ts";
import { startLoop } from "./loop.ts";
import { type Meter, silentMeter } from "./meter.ts";
import { placeAll } from "./placing.ts";
import { type Replica, startReplica } from "./replica.ts";
import { startRetaining } from "./retaining.ts";
import { rollOutAll } from "./rolling-out.ts";

export interface EngineOptions {
  readonly database: Database;
  readonly wakeup: Wakeup;
  readonly blobs: BlobStore;
  readonly clocks: LeaseClocks;
  readonly replicaId: ReplicaId;
  /** Where agents can dial this replica. */
  readonly agentAddress: string;
  readonly log: Log;
  /** Silent where there is none. */
  readonly meter?: Meter;
  readonly onPlacing?: NonNullable<EngineContext["onPlacing"]>;
}

export interface Engine {
  readonly context: EngineContext;
  readonly replica: Replica;
  /** Ends the replica's row and its loops. Idempotent. */
  stop(): Promise<void>;
}

/** How often each loop looks when nothing wakes it: bounds what a lost wake-up costs. */
const loopMs = 500;

export async function startEngine(options: EngineOptions): Promise<Engine> {
  const wrong = checkLeaseClocks(options.clocks);
  if (wrong !== undefined) throw new Error(`The lease clocks are unsafe: ${wrong}.`);
  const { meter = silentMeter } = options;
  const context: EngineContext = {
    ...options,
    meter,
    interpreters: createInterpreters(),
    catalogue: createCatalogue(),
  };
  const replica = await startReplica(options.database.sql, {
    id: options.replicaId,
    agentAddress: options.agentAddress,
    clocks: options.clocks,
    log: options.log,
    meter,
  });
  const placing = startLoop("placing", loopMs, context, () => placeAll(context));
  const expiring = startLoop("expiring", loopMs, context, () => expireAll(context));
  const holding = startLoop("holding", loopMs, context, () => holdAll(context));
  const rollingOut = startLoop("rolling out", loopMs, context, () => rollOutAll(context));
  const deleting = startRetaining(context);
  const unsubscribes = [
    options.wakeup.subscribe(topics.placing, placing.wake),
    options.wakeup.subscribe(topics.holding, holding.wake),
    options.wakeup.subscribe(topics.rollouts, rollingOut.wake),
  ];
  let stopped: Promise<void> | undefined;
  return {
    context,
    replica,
    stop() {
      stopped ??= (async () => {
        for (const unsubscribe of unsubscribes) unsubscribe();
        await Promise.all([placing, expiring, holding, rollingOut, deleting].map((loop) => loop.stop()));
        await replica.stop();
      })();
      return stopped;
    },
  };
}
