// Metrics of this process: its loops, its way to the database, and what every Node process tells. No tenant is in them.

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Meter } from "../engine/meter.ts";
import type { Observe } from "../store/observed.ts";

/** Seconds: from a statement on a local socket to one that waits for a lock or for a connection. */
const databaseBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const passBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Their names end in `_total` and they are no counters; each has a twin with its parts. */
const misnamed = ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"];

export interface ProcessMetrics {
  readonly registry: Registry;
  readonly passed: Meter["passed"];
  readonly observe: Observe;
}

/** `isLive`: whether this replica's row in the database is. */
export function createProcessMetrics(isLive: () => boolean): ProcessMetrics {
  const all = new Registry();
  const registers = [all];
  new Gauge({
    name: "drover_replica_live",
    help: "1 while this replica's row in the database is live, so that it serves agents and callers; else 0.",
    registers,
    collect() {
      this.set(isLive() ? 1 : 0);
    },
  });
  const passes = new Histogram({
    name: "drover_loop_pass_duration_seconds",
    help: "How long passes of the loops of this replica took, those that failed included.",
    labelNames: ["loop"],
    buckets: passBuckets,
    registers,
  });
  const failures = new Counter({
    name: "drover_loop_failures_total",
    help: "Passes of the loops of this replica that failed, and were tried again.",
    labelNames: ["loop"],
    registers,
  });
  const statements = new Histogram({
    name: "drover_database_statement_duration_seconds",
    help: "How long single statements of this replica took, the wait for a connection included.",
    buckets: databaseBuckets,
    registers,
  });
  const transactions = new Histogram({
    name: "drover_database_transaction_duration_seconds",
    help: "How long transactions of this replica took from BEGIN to COMMIT, the wait for a connection included.",
    buckets: databaseBuckets,
    registers,
  });
  const errors = new Counter({
    name: "drover_database_errors_total",
    help: "Statements and transactions of this replica that failed, by the class of their SQLSTATE; 08 is the connection.",
    labelNames: ["class"],
    registers,
  });
  errors.inc({ class: "08" }, 0);
  collectDefaultMetrics({ register: all });
  for (const name of misnamed) all.removeSingleMetric(name);
  return {
    registry: all,
    passed(loop, ms, how) {
      passes.observe({ loop }, ms / 1000);
      failures.inc({ loop }, how === "failed" ? 1 : 0);
    },
    observe({ is, ms, failed }) {
      (is === "statement" ? statements : transactions).observe(ms / 1000);
      if (failed !== undefined) errors.inc({ class: failed });
    },
  };
}
