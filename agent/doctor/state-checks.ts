// Checks of the state directory: the machine's identity, and whether an agent is at work with it.

import { join } from "node:path";
import { type IdentityFault, identityFaults } from "../identity.ts";
import { fault, type Judgement, ok, warning } from "./finding.ts";

export type StateFact =
  | { readonly is: "missing" | "out-of-reach" | "no-folder" | "not-writable" }
  /** Windows' files have lists of who may, which are not read. */
  | { readonly is: "there"; readonly openToOthers: boolean | "unknown" };

export function judgeState(state: StateFact, stateDir: string): Judgement {
  switch (state.is) {
    case "missing":
      return fault(`${stateDir} does not exist`, "Name the right directory with --state, or enrol this machine.");
    case "out-of-reach":
      return fault(
        `${stateDir} cannot be reached by this user`,
        "Run the agent as the user who enrolled this machine, or name a directory of this user with --state.",
      );
    case "no-folder":
      return fault(`${stateDir} is not a directory`, "Name a directory with --state.");
    case "not-writable":
      return fault(`${stateDir} cannot be written to`, "Give it to the user that the agent runs as.");
    case "there":
      if (state.openToOthers === "unknown") return ok(`${stateDir}, can be written to`);
      if (!state.openToOthers) return ok(`${stateDir}, private and can be written to`);
      return warning(`${stateDir} is open to other users`, "Make it 0700.");
  }
}

export type IdentityFact = { readonly is: "good"; readonly protectedBy: string } | { readonly is: IdentityFault };

export function judgeIdentity(identity: IdentityFact, stateDir: string): Judgement {
  if (identity.is === "good") return ok(`enrolled; the key is protected by ${identity.protectedBy}`);
  const { what, remedy } = identityFaults[identity.is];
  return fault(`${join(stateDir, "identity.json")} ${what}`, `${remedy[0]?.toUpperCase()}${remedy.slice(1)}.`);
}

export const judgeRunning = (running: boolean): Judgement =>
  ok(running ? "running now; it is not disturbed by this" : "none is running on this machine");
