// What a command is carried out with. Made anew for each command by the runner.

import type { ArtifactKind } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import type { Desktop, Frame } from "../desktop/desktop.ts";
import type { ProcessGroups } from "../host/host.ts";
import type { InjectionPermission } from "./gate.ts";
import type { Sight } from "./sight.ts";

export interface Scope {
  readonly desktop: Desktop;
  readonly sight: Sight;
  /** Names of the leased application's executables. */
  readonly processNames: readonly string[];
  readonly permission: InjectionPermission & { onHold(listener: () => void): () => void };
  /** Aborted with a `StepEnded` when the command is abandoned, forgotten or out of time. */
  readonly signal: AbortSignal;
  /** The machine's own allow-list: name to path. */
  readonly allowExec: ReadonlyMap<string, string>;
  readonly groups: ProcessGroups;
  /** Keeps a frame as an artifact of this command and returns its id; encoding and sending come later. */
  keep(kind: ArtifactKind, frame: Frame | Promise<Frame>): string;
}
