// ReleaseService.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  type ReleaseSchema,
  type ReleaseService,
  RolloutFault,
  type RolloutSchema,
  RolloutState,
  StopReason,
} from "@drover/proto/gen/drover/v1/release_pb.ts";
import type { RolloutView } from "../engine/rolling-out.ts";
import type { ReleaseId } from "../rules/names.ts";
import { executables } from "../rules/release.ts";
import type { RolloutState as RolloutStateName } from "../rules/rollout.ts";
import type { ReleaseRow } from "../store/releases.ts";
import { principalOf } from "./auth.ts";
import type { ReleaseDoor } from "./door.ts";
import { accepted, refused } from "./errors.ts";
import { page } from "./pages.ts";
import { timestamp } from "./run-messages.ts";

/** Machines named in a list of an answer: enough to see what is wrong, and no list of a whole fleet. */
const namedMax = 100;

export const createReleases = (door: ReleaseDoor): ServiceImpl<typeof ReleaseService> => ({
  async addRelease({ version, executable: wanted, sizeBytes, sha256, signature }, context) {
    const executable = executables.find((name) => name === wanted);
    // The rules of release.proto let no other name through.
    if (executable === undefined) throw new Error("an executable that is none");
    const release = { version, executable, sizeBytes: Number(sizeBytes), sha256, signature };
    return { release: releaseMessage(accepted(await door.add(principalOf(context).tenant, release))) };
  },

  async uploadRelease({ releaseId, offset, data }, context) {
    const id = releaseId.toLowerCase() as ReleaseId;
    const release = await door.upload(principalOf(context).tenant, id, Number(offset), data);
    return { release: releaseMessage(accepted(release)) };
  },

  async listReleases(request, context) {
    const { tenant } = principalOf(context);
    const { rows, nextPageToken } = await page("releases", request, "id", (before, limit) =>
      door.list(tenant, before, limit),
    );
    return { releases: rows.map(releaseMessage), nextPageToken };
  },

  async startRollout({ version, canaries, soak }, context) {
    const wanted = {
      version,
      canaryCount: canaries === 0 ? undefined : canaries,
      soakMs: soak === undefined ? undefined : Math.ceil(durationMs(soak)) || 1,
    };
    return { rollout: rolloutMessage(accepted(await door.startRollout(principalOf(context).tenant, wanted))) };
  },

  async getRollout(_request, context) {
    const view = await door.readRollout(principalOf(context).tenant);
    return { rollout: rolloutMessage(view ?? refused("ROLLOUT_NOT_FOUND", "Nothing has been rolled out.")) };
  },

  async stopRollout(_request, context) {
    return { rollout: rolloutMessage(accepted(await door.stopRollout(principalOf(context).tenant))) };
  },

  async resumeRollout(_request, context) {
    return { rollout: rolloutMessage(accepted(await door.resumeRollout(principalOf(context).tenant))) };
  },
});

const releaseMessage = (release: ReleaseRow): MessageInitShape<typeof ReleaseSchema> => ({
  id: release.id,
  version: release.version,
  executable: release.executable,
  sizeBytes: BigInt(release.sizeBytes),
  sha256: new Uint8Array(release.sha256),
  receivedBytes: BigInt(release.receivedBytes),
  complete: release.completedAt !== null,
  createdAt: timestamp(release.createdAt),
});

const states = {
  running_canary: RolloutState.RUNNING_CANARY,
  running_rest: RolloutState.RUNNING_REST,
  done: RolloutState.DONE,
  stopped: RolloutState.STOPPED,
} as const satisfies Record<RolloutStateName, RolloutState>;

const rolloutMessage = (view: RolloutView): MessageInitShape<typeof RolloutSchema> => {
  const { id, version, stage, soakMs, createdAt } = view.rollout;
  return {
    id,
    version,
    state: states[stage.is],
    stopReason: stage.is === "stopped" ? StopReason[stage.reason] : StopReason.UNSPECIFIED,
    soak: durationFromMs(soakMs),
    createdAt: timestamp(createdAt),
    canaries: view.canaries,
    rest: view.rest,
    leftOut: view.leftOut,
    retrying: view.retrying.slice(0, namedMax),
    failures: view.failures.slice(0, namedMax).map(({ fault, ...failure }) => ({
      ...failure,
      fault: RolloutFault[fault],
    })),
  };
};
