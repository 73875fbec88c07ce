// What the database says of one tenant's queue and fleet, as gauges. Each reading is a registry of its own: what is not there any
// more is not told any more.

import { Gauge, Registry } from "prom-client";
import type { Figures } from "../rules/figures.ts";
import type { TenantMetrics } from "./tenant-metrics.ts";

const everywhere = "The same at every replica: take max, not sum, over replicas.";

export function storeMetrics(figures: Figures, { workflow, application, pool }: TenantMetrics): Registry {
  const registry = new Registry();
  const registers = [registry];
  const queueLabels = ["workflow", "application", "pool", "state", "reason"] as const;
  const queue = new Gauge({
    name: "drover_queue_runs",
    help: `Runs that wait, by why: what keeps them from every machine, else what keeps them from most. ${everywhere}`,
    labelNames: queueLabels,
    registers,
  });
  const oldest = new Gauge({
    name: "drover_queue_oldest_age_seconds",
    help: `For how long the oldest of these runs has waited: since it was started, went back into the queue, or its time had come. ${everywhere}`,
    labelNames: queueLabels,
    registers,
  });
  const ages = new Map<string, number>();
  for (const { runs, oldestMs, ...of } of figures.queue) {
    const names = { workflow: workflow(of.workflow), application: application(of.application), pool: pool(of.pool) };
    const labels = { ...of, ...names };
    const key = JSON.stringify(labels);
    // Routes of several callers are one workflow.
    const age = Math.max(ages.get(key) ?? 0, oldestMs / 1000);
    ages.set(key, age);
    queue.inc(labels, runs);
    oldest.set(labels, age);
  }
  const underWay = new Gauge({
    name: "drover_runs_under_way",
    help: `Runs that have a machine. ${everywhere}`,
    labelNames: ["workflow", "application"],
    registers,
  });
  for (const { runs, ...of } of figures.underWay) {
    underWay.inc({ workflow: workflow(of.workflow), application: application(of.application) }, runs);
  }
  const unknown = new Gauge({
    name: "drover_runs_unknown",
    help: `Runs that ended UNKNOWN, and that a person is to settle. ${everywhere}`,
    labelNames: ["workflow"],
    registers,
  });
  for (const { runs, ...of } of figures.unknown) unknown.inc({ workflow: workflow(of.workflow) }, runs);
  const machines = new Gauge({
    name: "drover_machines",
    help: `Machines that are not revoked, by status. ${everywhere}`,
    labelNames: ["pool", "status"],
    registers,
  });
  for (const { machines: count, ...of } of figures.machines) machines.inc({ ...of, pool: pool(of.pool) }, count);
  const fitness = new Gauge({
    name: "drover_application_machines",
    help: `Machines that have the application, by what keeps them from a run, BUSY included; NONE: nothing. ${everywhere}`,
    labelNames: ["application", "pool", "reason"],
    registers,
  });
  for (const { machines: count, ...of } of figures.fitness) {
    fitness.inc({ ...of, application: application(of.application), pool: pool(of.pool) }, count);
  }
  return registry;
}

/** Told beside all else: without a reading there is nothing of queue and fleet. */
export function readability(isRead: boolean): Registry {
  const registry = new Registry();
  new Gauge({
    name: "drover_database_readable",
    help: "1 when what the database says of queue and fleet could be read for this answer; 0 when it could not, and is not in it.",
    registers: [registry],
  }).set(isRead ? 1 : 0);
  return registry;
}
