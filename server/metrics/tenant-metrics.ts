// What this replica did for one tenant: counters and histograms that begin at 0 with the process.

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { EndedAttempt } from "../engine/meter.ts";
import { type Outcome, outcomes } from "../rules/run.ts";
import { createKnownNames } from "./known-names.ts";

/** Seconds: from a placement at once to a run that waited for an hour. */
const waitBuckets = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  ...[30, 60, 300, 900, 3600],
];
const firstStepBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

export class TenantMetrics {
  readonly registry = new Registry();
  /** The same name is the same label in whatever is told of the tenant. */
  readonly workflow = createKnownNames();
  readonly application = createKnownNames();
  readonly pool = createKnownNames();
  readonly #registers = [this.registry];
  readonly #runsStarted = new Counter({
    name: "drover_runs_started_total",
    help: "Runs that callers started at this replica.",
    labelNames: ["workflow"],
    registers: this.#registers,
  });
  readonly #runsEnded = new Counter({
    name: "drover_runs_ended_total",
    help: "Runs that this replica ended, by outcome; one that a person lets be tried again can end again.",
    labelNames: ["workflow", "outcome"],
    registers: this.#registers,
  });
  readonly #attemptsEnded = new Counter({
    name: "drover_attempts_ended_total",
    help: "Attempts that this replica ended, by purpose, by how they ended, and by category when they failed.",
    labelNames: ["application", "purpose", "outcome", "category"],
    registers: this.#registers,
  });
  readonly #dispatch = new Histogram({
    name: "drover_dispatch_duration_seconds",
    help: "From the start of a run, or from when its time had come, until this replica had placed it for the first time.",
    buckets: waitBuckets,
    registers: this.#registers,
  });
  readonly #firstStep = new Histogram({
    name: "drover_first_step_duration_seconds",
    help: "From the first placement of a run until its first step was about to be sent: the readiness proof, and a launch.",
    buckets: firstStepBuckets,
    registers: this.#registers,
  });
  readonly #beats = new Counter({
    name: "drover_agent_beats_total",
    help: "Beats of agents that this replica received.",
    registers: this.#registers,
  });
  readonly #streams = new Gauge({
    name: "drover_agent_streams",
    help: "Streams of agents that are open at this replica.",
    registers: this.#registers,
  });
  readonly #starts = new Counter({
    name: "drover_agent_starts_total",
    help: "Agents that attached to this replica for the first time since they were started.",
    registers: this.#registers,
  });
  readonly #reconnects = new Counter({
    name: "drover_agent_reconnects_total",
    help: "Agents that attached to this replica anew, after a stream of theirs had ended.",
    registers: this.#registers,
  });

  runStarted(name: string): void {
    const workflow = this.workflow(name);
    this.#runsStarted.inc({ workflow });
    // From 0 on, so that the first one that fails is an increase.
    for (const outcome of outcomes) this.#runsEnded.inc({ workflow, outcome }, 0);
  }

  runEnded(workflow: string, outcome: Outcome): void {
    this.#runsEnded.inc({ workflow: this.workflow(workflow), outcome });
  }

  attemptEnded({ application, purpose, outcome, category }: EndedAttempt): void {
    const name = this.application(application);
    this.#attemptsEnded.inc({ application: name, purpose, outcome, category: category ?? "" });
  }

  placed(waitedMs: number): void {
    this.#dispatch.observe(waitedMs / 1000);
  }

  firstStep(tookMs: number): void {
    this.#firstStep.observe(tookMs / 1000);
  }

  attached(how: "started" | "again"): void {
    (how === "started" ? this.#starts : this.#reconnects).inc();
  }

  streamOpened(): () => void {
    this.#streams.inc();
    return () => this.#streams.dec();
  }

  beat(): void {
    this.#beats.inc();
  }
}
