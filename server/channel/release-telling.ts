// Tells one attached agent which release is wanted on its machine, and when it may restart. Wanted state: read anew whenever
// it may have changed, and sent when it differs from what was sent last.
//
// 1. An agent follows a grant only when the release is ready. One that says so only now was perhaps told too early (the
//    store knew that it was prepared; the agent had to look at its disk again): it is told once more.
// 2. A new rollout of the same version is a new beginning: the agent is told that nothing is wanted, and then again what is,
//    so that it looks anew at what had failed.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AttachResponseSchema } from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import type { EngineContext } from "../engine/context.ts";
import { type Loop, startLoop } from "../engine/loop.ts";
import { readWantedRelease } from "../engine/updating.ts";
import type { MachineId, RolloutId } from "../rules/names.ts";
import { topics } from "../store/wakeup.ts";

type Message = Exclude<MessageInitShape<typeof AttachResponseSchema>["message"], undefined>;

/** How often it is read when nothing wakes it: bounds what a lost wake-up costs, and what a fleet at rest costs. */
const rereadMs = 30_000;

export interface ReleaseTelling extends Pick<Loop, "stop"> {
  /** The agent says that the release is ready (1). */
  prepared(): void;
}

/** Ends with the session; nothing is sent after `stop` was called. */
export function startReleaseTelling(
  context: EngineContext,
  machineId: MachineId,
  send: (message: Message) => void,
): ReleaseTelling {
  let stopped = false;
  let told: { readonly version: string; readonly rolloutId: RolloutId | undefined } | undefined;
  let granted = false;
  const loop = startLoop("releases of a machine", rereadMs, context, async () => {
    const wanted = await readWantedRelease(context, machineId);
    if (stopped) return;
    const { version = "" } = wanted?.release ?? {};
    const rolloutId = wanted?.rolloutId;
    if (version !== told?.version || rolloutId !== told.rolloutId) {
      if (version !== "" && version === told?.version) send({ case: "wantedRelease", value: {} });
      send({ case: "wantedRelease", value: wanted === undefined ? {} : messageOf(wanted.release) });
      granted = false;
    }
    told = { version, rolloutId };
    const go = wanted?.granted ?? false;
    if (go && !granted) send({ case: "releaseGrant", value: { version } });
    granted = go;
  });
  const unsubscribes = [topics.release(machineId), topics.rollouts].map((topic) =>
    context.wakeup.subscribe(topic, loop.wake),
  );
  return {
    prepared() {
      granted = false;
      loop.wake();
    },
    stop() {
      stopped = true;
      for (const unsubscribe of unsubscribes) unsubscribe();
      return loop.stop();
    },
  };
}

type Release = NonNullable<Awaited<ReturnType<typeof readWantedRelease>>>["release"];

const messageOf = ({ version, executable, sizeBytes, sha256, signature }: Release) => ({
  version,
  executable,
  sizeBytes: BigInt(sizeBytes),
  sha256: new Uint8Array(sha256),
  signature: new Uint8Array(signature),
});
