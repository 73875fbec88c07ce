// Deletes what is kept no longer: artifacts, runs with all that belongs to them, spent keys. An argument-less loop on any replica.
//
// 1. Under the lock of its row a blob goes first, and then the row. Whoever is killed in between leaves a row, and the next pass
//    begins there again; no blob is left without a row that leads to it.
// 2. A pass takes one batch of each kind for each tenant, so that none waits for another's past, and says whether there is more.
// 3. What cannot be deleted is told of and holds up nothing else.
// 4. While there is more, most of the time is left to others: nobody waits for what is deleted.

import { limits } from "../rules/limits.ts";
import type { ArtifactId, RunId } from "../rules/names.ts";
import { cutOffs, retentionOf, whyKept } from "../rules/retention.ts";
import { readNow } from "../store/database.ts";
import {
  type Due,
  deleteArtifacts,
  deleteRuns,
  forgetSpentKeys,
  lockDueArtifacts,
  lockDueRuns,
  readKept,
  readRetentions,
  tenantsWithDue,
} from "../store/retention.ts";
import { artifactBlob, runBlobs } from "./artifacts.ts";
import type { EngineContext } from "./context.ts";
import { errorText, type Loop, startLoop } from "./loop.ts";

export function startRetaining(context: EngineContext): Loop {
  const retain = retaining(context);
  let restMs: number = limits.retainingMs;
  return startLoop(
    "retaining",
    () => restMs,
    context,
    async () => {
      const began = performance.now();
      restMs = limits.retainingMs;
      if (await retain()) restMs = (performance.now() - began) * limits.retainingRest;
    },
  );
}

/** What could not be deleted: passed over until all else is. Bounded by `limits.retainingPassedMax`. */
interface Passed {
  readonly artifacts: Set<ArtifactId>;
  readonly runs: Set<RunId>;
}

/** A pass over all tenants. True when there is more to delete now. */
export type Retain = () => Promise<boolean>;

export function retaining(context: EngineContext): Retain {
  const passed: Passed = { artifacts: new Set(), runs: new Set() };
  return async () => {
    const more = await retainOnce(context, passed);
    if (!more) {
      passed.artifacts.clear();
      passed.runs.clear();
    }
    return more;
  };
}

async function retainOnce(context: EngineContext, passed: Passed): Promise<boolean> {
  const { sql } = context.database;
  const now = await readNow(sql);
  const tenants = (await readRetentions(sql)).map(({ tenantId, ...set }) => {
    return { tenantId, ...cutOffs(retentionOf(set), now) };
  });
  let more = false;
  for (const due of await tenantsWithDue(sql, tenants)) {
    const batches = [...(due.artifacts ? [retainArtifacts] : []), ...(due.runs ? [retainRuns] : [])];
    for (const batch of batches) {
      try {
        if (await batch(context, due, passed)) more = true;
      } catch (error) {
        context.log.warn("what is kept no longer could not be deleted yet", {
          ...{ tenant: due.tenantId, error: errorText(error) },
        });
      }
    }
  }
  const forgotten = await forgetSpentKeys(sql, now - limits.keepSpentKeysMs, limits.retainingKeys);
  return more || forgotten === limits.retainingKeys;
}

/** One batch of artifacts; true when there may be more. */
async function retainArtifacts(context: EngineContext, due: Due, { artifacts: passed }: Passed): Promise<boolean> {
  const { database, blobs } = context;
  const { deleted, found } = await database.sql.begin(async (tx) => {
    const found = await lockDueArtifacts(tx, due, [...passed], limits.retainingArtifacts);
    const deletable = await without(context, passed, found, ({ runId, id }) => blobs.delete(artifactBlob(runId, id)));
    // The folder, and what a crash may have left in it: under the run's lock, for it may be tried again and leave frames anew.
    const emptied = await deleteArtifacts(tx, due, deletable);
    await without(context, new Set<RunId>(), emptied, ({ id }) => blobs.deleteAll(runBlobs(id)));
    return { deleted: deletable.length, found: found.length };
  });
  return goesOn(found, limits.retainingArtifacts, deleted, passed.size);
}

/** One batch of runs; true when there may be more. */
async function retainRuns(context: EngineContext, due: Due, { runs: passed }: Passed): Promise<boolean> {
  const { database, blobs } = context;
  const { deleted, found } = await database.sql.begin(async (tx) => {
    const locked = await lockDueRuns(tx, due, [...passed], limits.retainingRuns);
    const old = (await readKept(tx, locked)).filter((run) => whyKept(run, due) === undefined);
    const deletable = await without(context, passed, old, ({ id }) => blobs.deleteAll(runBlobs(id)));
    if (deletable.length > 0) {
      const ids = deletable.map(({ id }) => id);
      await deleteRuns(tx, ids, await readNow(tx));
    }
    return { deleted: deletable.length, found: locked.length };
  });
  if (deleted > 0)
    context.log.info("runs that are kept no longer were deleted", { tenant: due.tenantId, runs: deleted });
  return goesOn(found, limits.retainingRuns, deleted, passed.size);
}

/** A store that can delete nothing is not asked for everything. */
const goesOn = (found: number, whole: number, deleted: number, passed: number): boolean =>
  found === whole && deleted > 0 && passed < limits.retainingPassedMax;

/** Those of the items whose blobs could be deleted; the others are passed over. */
async function without<Id extends string, Item extends { readonly id: Id }>(
  { log }: EngineContext,
  passed: Set<Id>,
  items: readonly Item[],
  deleteBlobs: (item: Item) => Promise<void>,
): Promise<Item[]> {
  const done = await Promise.allSettled(items.map(deleteBlobs));
  return items.filter(({ id }, i) => {
    const result = done[i];
    if (result?.status === "fulfilled") return true;
    passed.add(id);
    log.warn("what is kept no longer could not be deleted yet", { id, error: errorText(result?.reason) });
    return false;
  });
}
