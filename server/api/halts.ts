// HaltService.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { HaltSchema, HaltService, HaltTarget } from "@drover/proto/gen/drover/v1/halt_pb.ts";
import type { HaltTarget as NamedTarget } from "../engine/halting.ts";
import type { HaltView } from "../store/halts.ts";
import { type Audit, decidedBy } from "./audit.ts";
import { principalOf } from "./auth.ts";
import type { HaltDoor } from "./door.ts";
import { accepted } from "./errors.ts";
import { apiLimits } from "./limits.ts";
import { timestamp } from "./run-messages.ts";

export const createHalts = (door: HaltDoor, audit: Audit): ServiceImpl<typeof HaltService> => ({
  async halt({ target, reason }, context) {
    const principal = principalOf(context);
    const { tenant, owner: by } = principal;
    const named = targetOf(target);
    const halt = accepted(await door.halt(tenant, { ...named, reason, by }));
    audit(decidedBy(principal, { decided: named.kind, target: halt.name, as: "halted", haltId: halt.id }));
    return { halt: haltMessage(halt) };
  },

  async resume({ target }, context) {
    const principal = principalOf(context);
    const { tenant, owner: by } = principal;
    const named = targetOf(target);
    const halt = accepted(await door.resume(tenant, { ...named, by }));
    const ended = halt === undefined ? {} : { haltId: halt.id };
    audit(decidedBy(principal, { decided: named.kind, target: halt?.name ?? named.name, as: "resumed", ...ended }));
    return halt === undefined ? {} : { halt: haltMessage(halt) };
  },

  async listHalts(_request, context) {
    const halts = await door.list(principalOf(context).tenant, apiLimits.haltsMax);
    return { halts: halts.map(haltMessage) };
  },
});

function targetOf(target: HaltTarget | undefined): NamedTarget {
  const { case: kind, value } = target?.target ?? {};
  // The rules of halt.proto let none through that names nothing.
  if (kind === undefined) throw new Error("a halt without a target");
  return { kind, name: typeof value === "string" ? value : "" };
}

const haltMessage = (halt: HaltView): MessageInitShape<typeof HaltSchema> => ({
  id: halt.id,
  target: {
    target: halt.kind === "tenant" ? { case: "tenant", value: true } : { case: halt.kind, value: halt.name },
  },
  reason: halt.reason,
  by: halt.haltedBy,
  since: timestamp(halt.haltedAt),
});
