// Whatever happens, in whatever order: the invariants of `advance` hold along every walk of a run, and every run ends.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { advance } from "../../../server/rules/advance.ts";
import type { Attempt } from "../../../server/rules/attempt.ts";
import type { CommandSpec, InputAmount } from "../../../server/rules/command.ts";
import type { CommitLabel } from "../../../server/rules/commit.ts";
import type { RunHappening } from "../../../server/rules/happening.ts";
import { limits } from "../../../server/rules/limits.ts";
import type { AttemptId, MachineId } from "../../../server/rules/names.ts";
import { type Run, type RunState, runStates } from "../../../server/rules/run.ts";
import { beginRun } from "../../../server/rules/run-beginning.ts";
import { verdicts } from "../../../server/rules/verdict.ts";
import { attemptOf, command, type FakeWorkflow, live, now, result, runOf } from "./fakes.ts";

const effects = ["none", "idempotent", "commit"] as const;
const inputs: InputAmount[] = ["none", "some", "all"];
const categories = ["NOT_DONE", "MACHINE_LOST", "TIMEOUT", "LEASE_LOST", "ASSERTION_FAILED", "FROZEN"] as const;

const spec = (name: string) =>
  fc.tuple(fc.constantFrom(...effects), fc.boolean()).map(([effect, checked]) => command(name, effect, checked));
const workflow: fc.Arbitrary<FakeWorkflow> = fc.record({
  steps: fc.tuple(spec("one"), spec("two"), spec("three")).chain((steps) => fc.subarray(steps)),
  cleanup: fc.subarray([command("tidy"), command("close")]),
  retries: fc.nat(2),
  retryDelayMs: fc.constantFrom(0, 100),
  launch: fc.boolean(),
  rash: fc.boolean(),
  verify: fc.constantFrom(undefined, "any" as const, "same-machine" as const),
});

type Move =
  | { readonly is: "result"; readonly ok: boolean; readonly input: InputAmount; readonly choice: number }
  | { readonly is: "repeat" }
  | { readonly is: "wait"; readonly ms: number }
  | { readonly is: "happens"; readonly happening: RunHappening };

const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      is: fc.constant("result" as const),
      ok: fc.boolean(),
      input: fc.constantFrom(...inputs),
      choice: fc.nat(20),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ is: "repeat" as const }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant("wait" as const), ms: fc.constantFrom(100, 7_000, 40_000) }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Move>(
      ...(
        [
          { is: "cancel-requested" },
          { is: "deadline-passed" },
          { is: "command-overdue" },
          { is: "machine-silent" },
          { is: "machine-back" },
          { is: "held", why: "HALTED" },
          { is: "held", why: "HUMAN_PRESENT" },
          { is: "let-go" },
          { is: "drain-overdue" },
          { is: "force-released" },
          { is: "holder-gone", why: "MACHINE_LOST" },
          { is: "holder-gone", why: "AGENT_RESTARTED" },
        ] as const
      ).map((happening) => ({ is: "happens" as const, happening })),
    ),
  },
);

/** States that the walks have been in. */
const reached = new Set<RunState["is"]>();

/** One fleet of endless machines under one run: places it whenever it is queued. */
class Walk {
  run: Run;
  attempt: Attempt | undefined;
  at = now;
  readonly #workflow: FakeWorkflow;
  #placed = 0;
  #label: CommitLabel = "BEFORE_COMMIT";
  #commitsSent = new Map<string, InputAmount | "pending">();

  constructor(work: FakeWorkflow, attemptsMax: number) {
    this.#workflow = work;
    const { runDeadlineAt: _, ...fresh } = runOf("queued", { attemptsMax });
    const retryOn = ["MACHINE_LOST", "AGENT_RESTARTED", "NOT_READY", "TIMEOUT"];
    const state = { is: "queued", deadlineAt: now + 600_000 } as const;
    this.run = { ...fresh, retryOn, state, queueTimeoutMs: 600_000, timeoutMs: 300_000 };
  }

  place(): void {
    const id = `a${this.#placed + 1}` as AttemptId;
    const begun = beginRun(this.run, id, this.at);
    if (begun === undefined) return;
    this.#placed++;
    const machineId = `m${this.#placed}` as MachineId;
    assert.ok(!this.run.avoid.includes(machineId));
    const { proof: _, ...fresh } = attemptOf();
    this.attempt = {
      ...fresh,
      id,
      number: this.#placed,
      purpose: begun.purpose,
      machineId,
      phase: "proving",
      commandNumber: 1,
      outstanding: { spec: command("prove", "none", false), deadlineAt: this.at + 35_000 },
    };
    this.run = begun.run;
    reached.add(begun.run.state.is);
    this.#label = "BEFORE_COMMIT";
  }

  make(move: Move): void {
    if (move.is === "wait") this.at += move.ms;
    else if (move.is === "happens") this.apply(move.happening);
    else if (move.is === "repeat") {
      const before = this.run;
      this.apply({ is: "result", result: result((this.attempt?.commandNumber ?? 1) - 1) });
      assert.equal(this.run, before, "a repeated result changes nothing");
    } else if (this.attempt !== undefined) this.#report(move, this.attempt);
  }

  #report({ ok, input, choice }: Extract<Move, { is: "result" }>, attempt: Attempt): void {
    const verdict = verdicts[choice] ?? "READY";
    const proof = { verdict, evidence: [], screen: { width: 1, height: 1 } };
    const category = categories[choice % categories.length] ?? "NOT_DONE";
    if (attempt.outstanding?.spec.effect === "commit" && !ok)
      this.#commitsSent.set(attempt.outstanding.spec.step, input);
    else if (attempt.outstanding !== undefined) this.#commitsSent.delete(attempt.outstanding.spec.step);
    const told = { input, ...(ok ? {} : { failure: { category, message: "" } }) };
    this.apply({
      is: "result",
      result: result(attempt.commandNumber, attempt.phase === "proving" ? { ...told, proof } : told),
    });
  }

  apply(happening: RunHappening): void {
    const change = advance(this.run, this.attempt && live(this.attempt, this.#workflow), happening, this.at);
    if (change === undefined) return;
    const before = this.attempt;
    const { run, attempt, lease } = change;
    const isLive = run.state.is === "running" || run.state.is === "cancelling" || run.state.is === "verifying";
    assert.equal(attempt !== undefined && attempt.phase !== "ended", isLive, "1: live exactly while running");
    if (attempt !== undefined) {
      assert.equal(attempt.outstanding !== undefined, isLive, "2: a live attempt has its command outstanding");
      if (this.#label === "UNKNOWN" && !(run.state.is === "ended" && run.state.outcome === "SUCCEEDED")) {
        assert.equal(attempt.commitLabel, "UNKNOWN", "UNKNOWN stays");
      }
      this.#label = attempt.commitLabel;
      if (attempt.phase !== "cleaning") this.#sent(attempt.outstanding?.spec, attempt, before);
      if (attempt.phase === "stepping") assert.equal(attempt.proof?.verdict, "READY", "G2: proven first");
    }
    if (lease === "end" && before?.outstanding !== undefined) {
      const answered = happening.is === "result" && happening.result.number === before.commandNumber;
      assert.ok(answered || happening.is === "holder-gone", "4: let go only when nobody can be injecting");
    }
    assert.equal(lease === "keep", isLive || before === undefined, "a lease ends with its attempt, and only with it");
    assert.ok(run.attemptsUsed <= run.attemptsMax, "G6: attempts stay within their budget");
    assert.ok(run.notReadyCount <= limits.notReadyMax, "G6: so do machines that were not ready");
    if (run.state.is === "queued") {
      const verified = change.events.some((event) => event.kind === "VERIFIED" && event.verification === "NOT_HELD");
      assert.equal(attempt?.commitLabel, "BEFORE_COMMIT", "G4: tried again before a commit");
      assert.equal(verified, attempt.purpose === "verify", "G4: or when verify has found that it did not take hold");
      assert.ok(verified || run.avoid.includes(attempt.machineId), "G4: and on another machine");
      if (verified) this.#commitsSent.clear();
    }
    if (run.state.is === "unsettled") {
      assert.ok(attempt?.commitLabel === "UNKNOWN" || attempt?.purpose === "verify", "G4: nobody knows");
    }
    this.run = run;
    reached.add(run.state.is);
    this.attempt = isLive ? attempt : undefined;
  }

  /** G4: a commit that was sent and whose end is not known, or that reached the desktop, is never sent again. */
  #sent(spec: CommandSpec | undefined, after: Attempt, before: Attempt | undefined): void {
    if (spec === undefined || after.commandNumber === before?.commandNumber) return;
    if (spec.effect !== "commit") return;
    const earlier = this.#commitsSent.get(spec.step);
    assert.ok(earlier === undefined || earlier === "none", `a commit that ended with input ${earlier} was sent again`);
    this.#commitsSent.set(spec.step, "pending");
  }
}

test("the invariants hold along every walk, and silence ends every run (G4, G6)", () => {
  fc.assert(
    fc.property(
      workflow,
      fc.integer({ min: 1, max: 3 }),
      fc.array(move, { maxLength: 60 }),
      (work, attemptsMax, moves) => {
        const walk = new Walk(work, attemptsMax);
        for (const each of moves) {
          walk.place();
          walk.make(each);
        }
        // From here on nobody says anything: the clock alone ends it.
        for (let turn = 0; walk.run.state.is !== "ended"; turn++) {
          assert.ok(turn < 500, "the run does not end");
          walk.at += 60_000;
          walk.apply({ is: "command-overdue" });
          walk.apply({ is: "deadline-passed" });
        }
      },
    ),
    { numRuns: 2_000 },
  );
  assert.deepEqual([...reached].sort(), [...runStates].sort());
});

test("a chain in which everything fails ends, however it fails (G6)", () => {
  const failing: RunHappening[] = [
    { is: "holder-gone", why: "MACHINE_LOST" },
    { is: "result", result: result(1, { failure: { category: "AGENT_ERROR", message: "" } }) },
  ];
  for (const happening of failing) {
    const walk = new Walk({ steps: [command("one")] }, 3);
    let placed = 0;
    for (; walk.run.state.is !== "ended"; placed++) {
      assert.ok(placed <= 3 + limits.notReadyMax);
      walk.place();
      walk.apply(happening);
    }
    assert.equal(walk.run.state.outcome, "FAILED");
    assert.ok(placed >= 3);
  }
});
