// Who calls on the agent port: the machine's own key, sent as `authorization: Bearer <key>`.

import type { Metadata } from "@grpc/grpc-js";
import type { Engine } from "../engine/engine.ts";
import { secretHash } from "../engine/enrolling.ts";
import { type MachineRow, machineByKey } from "../store/machines.ts";

export type Caller =
  | { readonly is: "nobody" }
  /** A key was sent that no machine has, or no longer. */
  | { readonly is: "unknown" }
  | { readonly is: "machine"; readonly machine: MachineRow };

export async function callerOf(call: { readonly metadata: Metadata }, engine: Engine): Promise<Caller> {
  const header = call.metadata.get("authorization")[0];
  if (typeof header !== "string") return { is: "nobody" };
  const secret = /^Bearer +(\S+)$/i.exec(header)?.[1];
  const machine =
    secret === undefined ? undefined : await machineByKey(engine.context.database.sql, secretHash(secret));
  return machine === undefined ? { is: "unknown" } : { is: "machine", machine };
}
