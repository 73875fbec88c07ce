// channel.proto -> rules: what an agent reports. Text is made fit for storing here.

import {
  type Beat,
  DesktopState as DesktopStateProto,
  FailureCategory as FailureCategoryProto,
  type Hello,
  HoldReason as HoldReasonProto,
  InputAmount as InputAmountProto,
  type Inventory as InventoryProto,
  ReleaseFault as ReleaseFaultProto,
  type ReleaseReport as ReleaseReportProto,
  ReleaseState as ReleaseStateProto,
  type Result,
  SurfaceCause as SurfaceCauseProto,
  Verdict as VerdictProto,
} from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import type { CommandOutput, InputAmount } from "../rules/command.ts";
import { agentFailures, type FailureCategory } from "../rules/failure.ts";
import type { CommandResult } from "../rules/happening.ts";
import { desktopStates, type Incarnation, type Observed, type TakenInventory } from "../rules/machine.ts";
import { agentFaults, type ReleaseReport } from "../rules/release.ts";
import { type ReadinessProof, surfaceCauses, verdicts } from "../rules/verdict.ts";

export const incarnationOf = (hello: Hello): Incarnation => ({
  bootId: hello.incarnation?.bootId ?? "",
  startId: hello.incarnation?.startId ?? "",
  dialNumber: Number(hello.dialNumber),
  holdsLock: hello.incarnation?.holdsLock ?? false,
});

export const observedOf = (beat: Beat): Observed => ({
  hold: beat.hold === HoldReasonProto.HUMAN_PRESENT ? "HUMAN_PRESENT" : null,
  desktop: desktopStates.find((name) => DesktopStateProto[name] === beat.desktop) ?? null,
});

export function inventoryOf(inventory: InventoryProto | undefined): TakenInventory {
  return {
    platform: clean(inventory?.platform ?? ""),
    os: clean(inventory?.os ?? ""),
    screen: { width: inventory?.screenWidth ?? 0, height: inventory?.screenHeight ?? 0 },
    applications: (inventory?.applications ?? []).map((a) => ({ name: clean(a.name), version: clean(a.version) })),
    labels: Object.fromEntries(
      Object.entries(inventory?.labels ?? {}).map(([name, value]) => [clean(name), clean(value)]),
    ),
    capabilities: (inventory?.capabilities ?? []).map(clean),
    executable: clean(inventory?.executable ?? ""),
    capture: clean(inventory?.capture ?? ""),
    dpi: inventory?.dpi ?? 0,
    session: clean(inventory?.session ?? ""),
  };
}

/** Undefined when it says nothing: a failure names its fault. */
export function releaseReportOf(report: ReleaseReportProto | undefined): ReleaseReport | undefined {
  if (report === undefined) return undefined;
  const version = clean(report.version);
  if (report.state === ReleaseStateProto.PREPARED) return { version, is: "prepared" };
  const fault = agentFaults.find((name) => ReleaseFaultProto[name] === report.fault);
  return fault === undefined ? undefined : { version, is: "failed", fault };
}

// What is not said is not known: `some` is the careful word.
const amounts: Partial<Record<number, InputAmount>> = {
  [InputAmountProto.NONE]: "none",
  [InputAmountProto.SOME]: "some",
  [InputAmountProto.ALL]: "all",
};

export function resultOf(result: Result): CommandResult {
  return {
    number: result.number,
    input: amounts[result.input] ?? "some",
    durationMs: result.durationMs,
    output: outputOf(result),
    ...(result.failure === undefined
      ? {}
      : { failure: { category: categoryOf(result.failure.category), message: clean(result.failure.message) } }),
    ...(result.proof === undefined ? {} : { proof: proofOf(result.proof) }),
  };
}

function outputOf({ output }: Result): CommandOutput {
  if (output === undefined) return {};
  const { box } = output;
  return {
    text: clean(output.text),
    score: output.score,
    exitCode: output.exitCode,
    ...(box === undefined ? {} : { box: { x: box.x, y: box.y, width: box.width, height: box.height } }),
  };
}

function categoryOf(category: FailureCategoryProto): FailureCategory {
  return agentFailures.find((name) => FailureCategoryProto[name] === category) ?? "AGENT_ERROR";
}

function proofOf(proof: NonNullable<Result["proof"]>): ReadinessProof {
  const surfaceCause = surfaceCauses.find((name) => SurfaceCauseProto[name] === proof.surfaceCause);
  return {
    verdict: verdicts.find((name) => VerdictProto[name] === proof.verdict) ?? "WRONG_SCREEN",
    ...(surfaceCause && { surfaceCause }),
    evidence: proof.evidence.map(({ probe, held, score, box }) => ({
      probe: clean(probe),
      held,
      score,
      ...(box === undefined ? {} : { box: { x: box.x, y: box.y, width: box.width, height: box.height } }),
    })),
    ...(proof.frameArtifactId === "" ? {} : { frame: proof.frameArtifactId }),
    screen: { width: proof.screenWidth, height: proof.screenHeight },
  };
}

/** Postgres takes neither NUL nor lone surrogates. */
/** Text from outside that Postgres can store. */
export const clean = (text: string): string => text.toWellFormed().replaceAll("\0", "\ufffd");
