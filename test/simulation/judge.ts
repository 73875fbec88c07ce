// Judges a simulation by the world's own log. It imports nothing of the product: it must not believe what it judges.
//
// 1. Every input falls under the lease of the attempt that sent it, and leases of a machine do not overlap (G1). After an
//    outage of all replicas every machine has its time to come back before its work is handed on.
// 2. Input reaches the leased application's windows only (G3).
// 3. A commit takes hold once, and the labels of run and attempt tell the truth about it (G4).
// 4. What was accepted is there, once for each order, and ends in its time (G5, G6).
// 5. An attempt after a failed one is on another machine.
// 6. No run waits for longer than a second beside a machine that is attached and free (G7), where nothing is disturbed.
// 7. Events are numbered from 1 without gaps, in the order of time, and end with the run (G8).

import type { Entry, LeaseFact, RunFact, SimulationRecord } from "./record.ts";

export interface Finding {
  readonly rule:
    | "input without a lease"
    | "leases overlap"
    | "hasty takeover"
    | "wrong window"
    | "double commit"
    | "wrong label"
    | "lost run"
    | "endless run"
    | "same machine again"
    | "idle machine beside a waiting run"
    | "event gap";
  readonly at: number;
  readonly says: string;
}

/** What the authors of the workflows said of them. */
export interface Nature {
  readonly application: string;
  /** An order may be entered twice. */
  readonly repeatable: ReadonlySet<string>;
  /** The commit step has no check of its own: that it took hold is believed. */
  readonly unchecked: ReadonlySet<string>;
}

/** The database tells whole milliseconds. */
const roundingMs = 1;
/** Longest wait beside a free machine. */
const waitMs = 1_000;
/** How long after a disturbance things are still being put right: a takeover, a redial at its slowest. */
const settlingMs = 25_000;
/** No work is handed on for so long after the first replica serves again (13 s, and how exactly that is known). */
const comingBackMs = 13_000 - 500;
/** A shorter outage may not be one: a replica's last word holds for three seconds. */
const outageMs = 3_500;
/** How long after its deadline a run may end: the last command abandoned, its machine taken over, cleanup. */
const endingMs = 90_000;

type Entries<Is extends Entry["is"]> = Extract<Entry, { readonly is: Is }>;

export function judge(record: SimulationRecord, nature: Nature): Finding[] {
  const judgement = new Judgement(record, nature);
  judgement.inputs();
  judgement.leases();
  judgement.takeovers();
  judgement.commits();
  judgement.runs();
  judgement.machines();
  judgement.waiting();
  judgement.events();
  return judgement.findings;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

const byKey = <T>(list: readonly T[], key: (item: T) => string): Map<string, T[]> => {
  const found = new Map<string, T[]>();
  for (const item of list) {
    const before = found.get(key(item));
    if (before === undefined) found.set(key(item), [item]);
    else before.push(item);
  }
  return found;
};

class Judgement {
  readonly findings: Finding[] = [];
  readonly #record: SimulationRecord;
  readonly #nature: Nature;

  constructor(record: SimulationRecord, nature: Nature) {
    this.#record = record;
    this.#nature = nature;
  }

  #find(rule: Finding["rule"], at: number, says: string): void {
    this.findings.push({ rule, at, says });
  }

  #entries<Is extends Entry["is"]>(is: Is): Entries<Is>[] {
    return this.#record.entries.filter((entry): entry is Entries<Is> => entry.is === is);
  }

  inputs(): void {
    const leases = byKey(this.#record.leases, (lease) => lease.attempt ?? "");
    for (const { at, machine, attempt, epoch, receiver, key } of this.#entries("input")) {
      const holds = (lease: LeaseFact) =>
        lease.machine === machine &&
        at >= lease.grantedAt - roundingMs &&
        at <= (lease.endedAt ?? Number.POSITIVE_INFINITY) + roundingMs;
      if (attempt === "" || !(leases.get(attempt) ?? []).some(holds)) {
        this.#find("input without a lease", at, `${machine} received ${key} of attempt ${attempt}, epoch ${epoch}`);
      }
      if (receiver !== this.#nature.application) {
        this.#find("wrong window", at, `${machine}: ${key} went to "${receiver}"`);
      }
    }
  }

  leases(): void {
    for (const [machine, leases] of byKey(this.#record.leases, (lease) => lease.machine)) {
      const inOrder = leases.toSorted((one, other) => one.grantedAt - other.grantedAt);
      for (const [index, lease] of inOrder.entries()) {
        const next = inOrder[index + 1];
        if (next === undefined || (lease.endedAt !== null && lease.endedAt <= next.grantedAt)) continue;
        this.#find("leases overlap", next.grantedAt, `${machine}: attempts ${lease.attempt} and ${next.attempt}`);
      }
    }
  }

  takeovers(): void {
    const resumed: number[] = [];
    const serving = new Set<string>();
    let downSince = Number.NEGATIVE_INFINITY;
    for (const entry of this.#record.entries) {
      if (entry.is === "serving") {
        if (serving.size === 0 && entry.at - downSince > outageMs) resumed.push(entry.at);
        serving.add(entry.replica);
      } else if (entry.is === "gone") {
        serving.delete(entry.replica);
        if (serving.size === 0) downSince = entry.at;
      }
    }
    for (const { at, run, kind, category } of this.#record.events) {
      if (kind !== "ATTEMPT_ENDED" || category !== "MACHINE_LOST") continue;
      const since = resumed.findLast((resumedAt) => resumedAt <= at);
      if (since === undefined || at - since >= comingBackMs) continue;
      this.#find("hasty takeover", at, `run ${run} lost its machine ${(at - since).toFixed(0)} ms after an outage`);
    }
  }

  commits(): void {
    const commits = byKey(this.#entries("commit"), (commit) => commit.order);
    const runs = byKey(this.#record.runs, (run) => run.order);
    for (const order of new Set([...commits.keys(), ...runs.keys()])) {
      const found = commits.get(order) ?? [];
      const [run] = runs.get(order) ?? [];
      if (run === undefined)
        this.#find("wrong label", found[0]?.at ?? 0, `${order} was entered, and nobody asked for it`);
      else this.#commitsOf(run, found);
    }
    const labels = new Map(this.#record.attempts.map((attempt) => [attempt.id, attempt]));
    const workflows = new Map(this.#record.runs.map((run) => [run.id, run.workflow]));
    for (const { at, attempt, order } of this.#entries("commit")) {
      const { label, run = "" } = labels.get(attempt) ?? {};
      if (this.#nature.repeatable.has(workflows.get(run) ?? "") || label !== "BEFORE_COMMIT") continue;
      this.#find("wrong label", at, `attempt ${attempt} entered ${order} and is BEFORE_COMMIT`);
    }
  }

  #commitsOf(run: RunFact, found: readonly Entries<"commit">[]): void {
    const at = found.at(-1)?.at ?? run.endedAt ?? 0;
    const repeatable = this.#nature.repeatable.has(run.workflow);
    if (found.length > 1 && !repeatable) {
      this.#find(
        "double commit",
        at,
        `${run.order} was entered ${found.length} times, by ${found.map((c) => c.machine)}`,
      );
    }
    const wrong = (what: string) =>
      this.#find("wrong label", at, `${run.order} (${run.outcome} ${run.label}) ${what}: run ${run.id}`);
    const believed = this.#nature.unchecked.has(run.workflow);
    if (found.length === 0 && !believed) {
      if (run.outcome === "SUCCEEDED") wrong("was not entered");
      if (run.label === "AFTER_COMMIT") wrong("was not entered");
    }
    if (found.length > 0 && run.label === "BEFORE_COMMIT" && !repeatable) wrong("was entered");
  }

  runs(): void {
    const { runs } = this.#record;
    const byId = new Map(runs.map((run) => [run.id, run]));
    for (const { at, order, run } of this.#entries("accepted")) {
      if (byId.get(run)?.order !== order)
        this.#find("lost run", at, `${order} was accepted as run ${run}, which is not there`);
    }
    for (const [order, same] of byKey(runs, (run) => run.order)) {
      if (same.length > 1) this.#find("lost run", same[1]?.createdAt ?? 0, `${order} has ${same.length} runs`);
    }
    const started = new Map<string, number>();
    for (const attempt of this.#record.attempts) {
      started.set(attempt.run, Math.min(attempt.startedAt, started.get(attempt.run) ?? attempt.startedAt));
    }
    const disturbedMs = this.#disturbances("").reduce((sum, { from, to }) => sum + to - from, 0);
    for (const run of runs) {
      const startedAt = started.get(run.id);
      const deadline = startedAt === undefined ? run.createdAt + run.queueTimeoutMs : startedAt + run.timeoutMs;
      const ended = run.endedAt ?? this.#record.endedAt;
      if (run.endedAt !== null && run.endedAt <= deadline + endingMs + disturbedMs) continue;
      if (run.endedAt === null) this.#find("lost run", ended, `run ${run.id} never ended: it is ${run.state}`);
      else this.#find("endless run", ended, `run ${run.id} ended ${ended - deadline} ms after its deadline`);
    }
  }

  machines(): void {
    for (const [run, attempts] of byKey(this.#record.attempts, (attempt) => attempt.run)) {
      const inOrder = attempts.toSorted((one, other) => one.number - other.number);
      for (const [index, { machine, startedAt, number }] of inOrder.entries()) {
        if (inOrder[index - 1]?.machine !== machine) continue;
        this.#find(
          "same machine again",
          startedAt,
          `attempt ${number} of run ${run} is on ${machine} as the one before`,
        );
      }
    }
  }

  waiting(): void {
    const everywhere = this.#disturbances("");
    const free = new Map<string, Span[]>();
    for (const machine of new Set(this.#entries("attached").map((entry) => entry.machine))) {
      const disturbed = [...everywhere, ...this.#disturbances(machine)];
      free.set(machine, without(this.#attached(machine), [...disturbed, ...this.#leased(machine)]));
    }
    for (const { run, from, to, avoid } of this.#queued()) {
      if (to - from <= waitMs) continue;
      for (const [machine, spans] of free) {
        const beside = spans.find((span) => Math.min(span.to, to) - Math.max(span.from, from) > waitMs);
        if (machine === avoid || beside === undefined) continue;
        const since = Math.max(beside.from, from);
        this.#find("idle machine beside a waiting run", since, `run ${run} waited, and ${machine} was free`);
        break;
      }
    }
  }

  /** When each run waited, and which machine it avoids then. */
  #queued(): (Span & { readonly run: string; readonly avoid: string | undefined })[] {
    const attempts = byKey(this.#record.attempts, (attempt) => attempt.run);
    const events = byKey(this.#record.events, (event) => event.run);
    return [...events].flatMap(([run, told]) => {
      const tries = (attempts.get(run) ?? []).toSorted((one, other) => one.number - other.number);
      let placed = 0;
      return told.flatMap(({ kind, at }, index) => {
        if (kind === "PLACED") placed++;
        if (kind !== "QUEUED" && kind !== "REQUEUED") return [];
        return [{ run, from: at, to: told[index + 1]?.at ?? this.#record.endedAt, avoid: tries[placed - 1]?.machine }];
      });
    });
  }

  #attached(machine: string): Span[] {
    const spans: Span[] = [];
    let since: number | undefined;
    for (const entry of this.#record.entries) {
      if (!("machine" in entry) || entry.machine !== machine) continue;
      if (entry.is === "attached") since ??= entry.at;
      if (entry.is !== "detached" || since === undefined) continue;
      spans.push({ from: since, to: entry.at });
      since = undefined;
    }
    return since === undefined ? spans : [...spans, { from: since, to: this.#record.endedAt }];
  }

  #leased(machine: string): Span[] {
    return this.#record.leases
      .filter((lease) => lease.machine === machine)
      .map(({ grantedAt, endedAt }) => ({ from: grantedAt, to: endedAt ?? this.#record.endedAt }));
  }

  /** Times in which something was wrong with a machine, or with everything (""), or was still being put right. */
  #disturbances(on: string): Span[] {
    return this.#entries("fault")
      .filter((fault) => fault.on === on)
      .map(({ at, until }) => ({ from: at, to: until + settlingMs }));
  }

  events(): void {
    const events = byKey(this.#record.events, (event) => event.run);
    for (const run of this.#record.runs) {
      const told = events.get(run.id) ?? [];
      const gap = told.findIndex((event, index) => event.number !== index + 1);
      if (gap >= 0 || told.length !== run.lastEvent) {
        this.#find(
          "event gap",
          told[gap]?.at ?? run.createdAt,
          `run ${run.id} has ${told.length} of ${run.lastEvent} events`,
        );
      }
      const back = told.find((event, index) => event.at < (told[index - 1]?.at ?? 0));
      if (back !== undefined)
        this.#find("event gap", back.at, `event ${back.number} of run ${run.id} is older than the one before`);
      const ends = told.filter(({ kind }) => kind === "ENDED").length;
      if (run.state === "ended" && (ends !== 1 || told.at(-1)?.kind !== "ENDED")) {
        this.#find("event gap", run.endedAt ?? 0, `run ${run.id} ended, and its events say so ${ends} times`);
      }
    }
  }
}

/** What is left of some spans without others. */
function without(spans: readonly Span[], others: readonly Span[]): Span[] {
  return others.reduce<readonly Span[]>(
    (left, other) =>
      left.flatMap((span) => {
        if (other.to <= span.from || other.from >= span.to) return [span];
        const before = { from: span.from, to: other.from };
        const after = { from: other.to, to: span.to };
        return [before, after].filter(({ from, to }) => to > from);
      }),
    spans,
  ) as Span[];
}
