// The readiness proof (G2): probes in a fixed order, the first that does not hold decides the verdict. All on one look.

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  ArtifactKind,
  type ProbeEvidenceSchema,
  type Prove,
  type ReadinessProofSchema,
  SurfaceCause,
  Verdict,
} from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import type { Box, DesktopWindow } from "../desktop/desktop.ts";
import { type Evaluated, evaluate, nameOf } from "./conditions.ts";
import { Look } from "./look.ts";
import type { Scope } from "./scope.ts";
import { overlap, windowFits } from "./window-pattern.ts";

type Proof = MessageInitShape<typeof ReadinessProofSchema>;

const EVIDENCE_MAX = 64;
/** A foreign window that hides this share of the application's window is in the way. */
const COVERED_SHARE = 0.25;

export async function prove(action: Prove, scope: Scope): Promise<Proof> {
  const look = new Look(scope.desktop, scope.sight, scope.processNames);
  const evidence: MessageInitShape<typeof ProbeEvidenceSchema>[] = [];
  const holds = (probe: string, { held, seen }: Evaluated): boolean => {
    const { score, box } = seen ?? { score: held ? 1 : 0 };
    if (evidence.length < EVIDENCE_MAX) evidence.push({ probe, held, score, ...(box !== undefined && { box }) });
    return held;
  };
  const surface = await look.surface();
  const present = surface.is === "present";
  holds("surface", { held: present });
  if (!present) return { verdict: Verdict.NO_SURFACE, evidence, surfaceCause: SurfaceCause[surface.cause] };
  const verdict = await verdictOf(action, look, holds);
  const frameArtifactId = scope.keep(ArtifactKind.PROOF, look.frame());
  return { verdict, evidence, frameArtifactId, screenWidth: surface.width, screenHeight: surface.height };
}

async function verdictOf(
  { ready, blocking }: Prove,
  look: Look,
  holds: (probe: string, evaluated: Evaluated) => boolean,
): Promise<Verdict> {
  const processes = await look.processes();
  const running = processes.some(({ name }) => look.processNames.includes(name));
  if (!holds("process", { held: running })) return Verdict.APP_NOT_RUNNING;

  const own = await look.ownWindows();
  for (const [index, pattern] of blocking.entries()) {
    const free = !own.some((window) => windowFits(pattern, window));
    if (!holds(`blocking ${index + 1}: no window`, { held: free })) return Verdict.MODAL_BLOCKING;
  }
  if (!holds("no modal window", { held: !own.some(({ modal }) => modal) })) return Verdict.MODAL_BLOCKING;

  const active = await look.active();
  const inTheWay = await foreignInTheWay(look, own, active);
  if (!holds("no foreign window in the way", { held: inTheWay.length === 0 })) {
    // A dialog wants an answer; another program's main window was merely left in front.
    return inTheWay.some(({ dialog, modal }) => dialog || modal) ? Verdict.MODAL_BLOCKING : Verdict.WRONG_SCREEN;
  }
  const ownActive = active !== undefined && look.belongs(active);
  if (!holds("active window", { held: ownActive })) return Verdict.WRONG_SCREEN;

  for (const [index, condition] of ready.entries()) {
    if (holds(nameOf(condition, index, "ready"), await evaluate(condition, look))) continue;
    return condition.kind.case === "responsiveMs" ? Verdict.FROZEN : Verdict.WRONG_SCREEN;
  }
  return Verdict.READY;
}

/** Windows of others above the application's topmost: active over it, or hiding much of it. */
async function foreignInTheWay(look: Look, own: readonly DesktopWindow[], active: DesktopWindow | undefined) {
  const main = own.at(-1);
  if (main === undefined) return [];
  const windows = await look.windows();
  const above = windows.slice(windows.findIndex(({ id }) => id === main.id) + 1);
  return above.filter((window) => {
    if (look.belongs(window)) return false;
    const covered = areaOf(overlap(window.box, main.box)) / areaOf(main.box);
    return covered > (window.id === active?.id ? 0 : COVERED_SHARE);
  });
}

const areaOf = (box: Box | undefined) => (box === undefined ? 0 : box.width * box.height);
