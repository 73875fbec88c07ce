// RetentionService.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { RetentionSchema, RetentionService } from "@drover/proto/gen/drover/v1/retention_pb.ts";
import type { Retention } from "../rules/retention.ts";
import { type Audit, decidedBy } from "./audit.ts";
import { principalOf } from "./auth.ts";
import type { RetentionDoor } from "./door.ts";

export const createRetention = (door: RetentionDoor, audit: Audit): ServiceImpl<typeof RetentionService> => ({
  async getRetention(_request, context) {
    return { retention: retentionMessage(await door.read(principalOf(context).tenant)) };
  },

  async setRetention({ retention }, context) {
    const principal = principalOf(context);
    const { runs, artifacts } = retention ?? {};
    const held = await door.set(principal.tenant, {
      ...(runs === undefined ? {} : { runsMs: durationMs(runs) }),
      ...(artifacts === undefined ? {} : { artifactsMs: durationMs(artifacts) }),
    });
    audit(decidedBy(principal, { decided: "retention", as: "set", ...held }));
    return { retention: retentionMessage(held) };
  },
});

const retentionMessage = ({ runsMs, artifactsMs }: Retention): MessageInitShape<typeof RetentionSchema> => ({
  runs: durationFromMs(runsMs),
  artifacts: durationFromMs(artifactsMs),
});
