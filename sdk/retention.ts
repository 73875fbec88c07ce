// How long what runs leave behind is kept, and having a run deleted before its time. For admins.

import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { createClient, type Transport } from "@connectrpc/connect";
import { answer, present } from "./answers.ts";
import { RetentionService, type Retention as WireRetention } from "./gen/drover/v1/retention_pb.ts";
import { RunService } from "./gen/drover/v1/run_pb.ts";

/** How long things are kept, in milliseconds. */
export interface Retention {
  /** Runs, with their attempts, events and inputs, after they ended. */
  runsMs: number;
  /** Frames and other artifacts, after they were made; never longer than their run. */
  artifactsMs: number;
}

/** The part of the client that deals in what is kept. */
export function retentionOver(transport: Transport) {
  const service = createClient(RetentionService, transport);
  const runService = createClient(RunService, transport);

  return {
    /** What holds for the tenant. Needs a key with scope OPERATOR. */
    async retention(): Promise<Retention> {
      return retentionFrom((await answer(service.getRetention({}))).retention);
    },
    /**
     * Sets it, from a minute to ten years each; what is absent stays as it is. What is older than that by then is deleted soon, and
     * cannot be brought back. Returns what holds. Recorded with who did it.
     */
    async setRetention({ runsMs, artifactsMs }: Partial<Retention>): Promise<Retention> {
      const retention = {
        ...(runsMs === undefined ? {} : { runs: durationFromMs(runsMs) }),
        ...(artifactsMs === undefined ? {} : { artifacts: durationFromMs(artifactsMs) }),
      };
      return retentionFrom((await answer(service.setRetention({ retention }))).retention);
    },
    /**
     * Deletes a run that has ended with all that belongs to it: attempts, events, inputs, outputs, artifacts. It cannot be brought
     * back, and its idempotency key is good for no other. Recorded with who did it.
     */
    async purge(runId: string): Promise<void> {
      await answer(runService.purgeRun({ runId }));
    },
  };
}

function retentionFrom(retention: WireRetention | undefined): Retention {
  const { runs, artifacts } = present(retention, "retention");
  return {
    runsMs: durationMs(present(runs, "retention of runs")),
    artifactsMs: durationMs(present(artifacts, "retention of artifacts")),
  };
}
