// The metrics of a replica, in the format of Prometheus: those of the process, and those of one tenant (G12). Nothing personal is in
// them (G11): labels are names of workflows, applications and pools, and words of closed lists.

import { Registry } from "prom-client";
import type { Meter } from "../engine/meter.ts";
import { type FigureFacts, figuresOf } from "../rules/figures.ts";
import type { TenantId } from "../rules/names.ts";
import type { Observe } from "../store/observed.ts";
import { createProcessMetrics } from "./process-metrics.ts";
import { readability, storeMetrics } from "./store-metrics.ts";
import { TenantMetrics } from "./tenant-metrics.ts";

export interface Page {
  readonly contentType: string;
  readonly text: string;
}

export interface Sources {
  /** What the database says of a tenant. */
  readonly read: (tenant: TenantId) => Promise<FigureFacts>;
  readonly isLive: () => boolean;
}

export interface Metrics {
  readonly meter: Meter;
  readonly observe: Observe;
  /** From here on there is something to read. */
  serve(sources: Sources): void;
  page(tenant: TenantId): Promise<Page>;
}

/** How old a reading of the database may be, so that several who scrape cost no more than one. */
const readingMs = 5_000;
/** How long a reading is waited for, well within the ten seconds that Prometheus waits for the whole. */
const patienceMs = 3_000;

/** `waitMs`: how long a page waits for the database. */
export function createMetrics(waitMs = patienceMs): Metrics {
  let sources: Sources | undefined;
  const process = createProcessMetrics(() => sources?.isLive() === true);
  const tenants = new Map<TenantId, TenantMetrics>();
  const of = (tenant: TenantId): TenantMetrics => {
    const known = tenants.get(tenant) ?? new TenantMetrics();
    tenants.set(tenant, known);
    return known;
  };
  const readings = new Map<TenantId, { readonly at: number; readonly gauges: Promise<Registry> }>();
  const reading = (tenant: TenantId): Promise<Registry> => {
    const before = readings.get(tenant);
    if (before !== undefined && performance.now() - before.at < readingMs) return before.gauges;
    const read = sources?.read(tenant) ?? Promise.reject(new Error("there is no database yet"));
    const gauges = read.then((facts) => storeMetrics(figuresOf(facts), of(tenant)));
    const entry = { at: performance.now(), gauges };
    readings.set(tenant, entry);
    gauges.catch(() => {
      if (readings.get(tenant) === entry) readings.delete(tenant);
    });
    return gauges;
  };
  return {
    meter: {
      runStarted: (tenant, workflow) => of(tenant).runStarted(workflow),
      runEnded: (tenant, workflow, outcome) => of(tenant).runEnded(workflow, outcome),
      attemptEnded: (tenant, attempt) => of(tenant).attemptEnded(attempt),
      placed: (tenant, waitedMs) => of(tenant).placed(waitedMs),
      firstStep: (tenant, tookMs) => of(tenant).firstStep(tookMs),
      attached: (tenant, how) => of(tenant).attached(how),
      streamOpened: (tenant) => of(tenant).streamOpened(),
      beat: (tenant) => of(tenant).beat(),
      passed: process.passed,
    },
    observe: process.observe,
    serve(given) {
      sources = given;
    },
    async page(tenant) {
      // While the database is away the rest is worth most.
      const read = await within(waitMs, reading(tenant));
      const parts = [process.registry, of(tenant).registry, ...(read === undefined ? [] : [read])];
      const all = Registry.merge([...parts, readability(read !== undefined)]);
      return { contentType: all.contentType, text: await all.metrics() };
    },
  };
}

/** Undefined when it fails, or takes longer. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([work.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}
