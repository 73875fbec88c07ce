// The stop button, for operators.

import { createClient, type Transport } from "@connectrpc/connect";
import { answer, present } from "./answers.ts";
import { type Halt, HaltService, type HaltTarget as WireTarget } from "./gen/drover/v1/halt_pb.ts";

/** What is halted: one of them. A machine by its id or its name, the others by their names, or the whole tenant. */
export type HaltTarget =
  | { machine: string }
  | { workflow: string }
  | { application: string }
  | { pool: string }
  | { tenant: true };

/** The part of the client that deals in halts. */
export function haltsOver(transport: Transport) {
  const service = createClient(HaltService, transport);

  return {
    /**
     * Stops what the target covers: within a second nothing of it is injected. What it does holds, in mid-word if need be, and
     * nothing is begun. Halted before, it stays the halt that it was.
     */
    async halt(target: HaltTarget, reason = ""): Promise<Halt> {
      return present((await answer(service.halt({ target: wireTarget(target), reason }))).halt, "halt");
    },
    /**
     * Ends the halt of the target, and returns it; undefined if there was none. A machine also goes on although a person was
     * at its mouse. What another halt covers too goes on holding.
     */
    async resume(target: HaltTarget): Promise<Halt | undefined> {
      return (await answer(service.resume({ target: wireTarget(target) }))).halt;
    },
    /** The halts in force, newest first. */
    async halts(): Promise<Halt[]> {
      return (await answer(service.listHalts({}))).halts;
    },
  };
}

function wireTarget(target: HaltTarget): { target: Exclude<WireTarget["target"], { case: undefined }> } {
  if ("machine" in target) return { target: { case: "machine", value: target.machine } };
  if ("workflow" in target) return { target: { case: "workflow", value: target.workflow } };
  if ("application" in target) return { target: { case: "application", value: target.application } };
  if ("pool" in target) return { target: { case: "pool", value: target.pool } };
  return { target: { case: "tenant", value: true } };
}
