// QueueService.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type {
  LimitSchema,
  LimitTarget,
  PauseSchema,
  PauseTarget,
  QueueService,
} from "@drover/proto/gen/drover/v1/queue_pb.ts";
import type { Target } from "../engine/targets.ts";
import type { LimitView } from "../store/concurrency.ts";
import type { PauseView } from "../store/pauses.ts";
import { type Audit, decidedBy } from "./audit.ts";
import { principalOf } from "./auth.ts";
import type { QueueDoor } from "./door.ts";
import { accepted } from "./errors.ts";
import { apiLimits } from "./limits.ts";
import { timestamp } from "./run-messages.ts";

export const createQueue = (door: QueueDoor, audit: Audit): ServiceImpl<typeof QueueService> => ({
  async pause({ target, reason }, context) {
    const principal = principalOf(context);
    const { tenant, owner: by } = principal;
    const named = namedBy(target);
    const pause = accepted(await door.pause(tenant, { ...named, reason, by }));
    audit(decidedBy(principal, { decided: named.kind, target: pause.name, as: "paused", pauseId: pause.id }));
    return { pause: pauseMessage(pause) };
  },

  async unpause({ target }, context) {
    const principal = principalOf(context);
    const { tenant, owner: by } = principal;
    const named = namedBy(target);
    const pause = accepted(await door.unpause(tenant, { ...named, by }));
    const ended = pause === undefined ? {} : { pauseId: pause.id };
    audit(decidedBy(principal, { decided: named.kind, target: named.name, as: "unpaused", ...ended }));
    return pause === undefined ? {} : { pause: pauseMessage(pause) };
  },

  async listPauses(_request, context) {
    const pauses = await door.listPauses(principalOf(context).tenant, apiLimits.pausesMax);
    return { pauses: pauses.map(pauseMessage) };
  },

  async setLimit({ target, max }, context) {
    const principal = principalOf(context);
    const { tenant, owner: by } = principal;
    const named = namedBy(target);
    const limit = accepted(await door.setLimit(tenant, { ...named, max, by }));
    audit(decidedBy(principal, { decided: named.kind, target: named.name, as: "limited", max }));
    return { limit: limitMessage(limit) };
  },

  async removeLimit({ target }, context) {
    const principal = principalOf(context);
    const named = namedBy(target);
    await door.removeLimit(principal.tenant, named);
    audit(decidedBy(principal, { decided: named.kind, target: named.name, as: "unlimited" }));
    return {};
  },

  async listLimits(_request, context) {
    const limits = await door.listLimits(principalOf(context).tenant, apiLimits.concurrencyLimitsMax);
    return { limits: limits.map(limitMessage) };
  },
});

/** What a target of either kind names. */
function namedBy<T extends PauseTarget | LimitTarget>(
  target: T | undefined,
): Target<Exclude<T["target"]["case"], undefined>> {
  const named: PauseTarget["target"] = target?.target ?? { case: undefined };
  // The rules of queue.proto let none through that names nothing.
  if (named.case === undefined) throw new Error("a pause or a limit without a target");
  return { kind: named.case as Exclude<T["target"]["case"], undefined>, name: named.value };
}

const pauseMessage = (pause: PauseView): MessageInitShape<typeof PauseSchema> => ({
  id: pause.id,
  target: { target: { case: pause.kind, value: pause.name } },
  reason: pause.reason,
  by: pause.pausedBy,
  since: timestamp(pause.pausedAt),
});

const limitMessage = (limit: LimitView): MessageInitShape<typeof LimitSchema> => ({
  target: { target: { case: limit.kind, value: limit.name } },
  max: limit.max,
  used: limit.used,
  by: limit.setBy,
  since: timestamp(limit.setAt),
});
