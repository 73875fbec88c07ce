// Machines, the tokens that enrol them, and the artifacts that runs leave on the way.

import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { createClient, type Transport } from "@connectrpc/connect";
import { answer, present } from "./answers.ts";
import { type Artifact, ArtifactService } from "./gen/drover/v1/artifact_pb.ts";
import { type EnrolmentToken, type Machine, MachineService, MachineStatus } from "./gen/drover/v1/machine_pb.ts";
import type { MachineStatusName } from "./names.ts";
import { pages } from "./pages.ts";

/** Which machines to list. */
export interface MachineFilter {
  pool?: string | undefined;
  status?: MachineStatusName | undefined;
}

/** A token to make. */
export interface TokenWanted {
  /** The pool that machines get into; `default` without one. */
  pool?: string | undefined;
  /** How many machines it may enrol; one without it. */
  uses?: number | undefined;
  /** How long it is good for; an hour without it. */
  lifetimeMs?: number | undefined;
}

/** The part of the client that deals in machines and what they show. */
export function machinesOver(transport: Transport) {
  const service = createClient(MachineService, transport);
  const artifactService = createClient(ArtifactService, transport);

  return {
    /** Machines by name. */
    machines({ pool = "", status }: MachineFilter = {}): AsyncGenerator<Machine, void, undefined> {
      const where = { pool, status: MachineStatus[status ?? "UNSPECIFIED"] };
      return pages(async (page) => {
        const { machines: rows, nextPageToken } = await answer(service.listMachines({ ...where, ...page }));
        return { rows, nextPageToken };
      });
    },
    /** One machine, by id or by name. */
    async machine(machine: string): Promise<Machine> {
      return present((await answer(service.getMachine({ machine }))).machine, "machine");
    },
    /** The machine's latest health screenshot as a PNG. Sensitive; every view is recorded. */
    async screenshot(machine: string): Promise<Uint8Array> {
      return (await answer(service.getScreenshot({ machine }))).png;
    },
    /** Ends the machine's key and closes its stream. May be repeated. */
    async revokeMachine(machine: string): Promise<Machine> {
      return present((await answer(service.revokeMachine({ machine }))).machine, "machine");
    },
    /** Gives it no further run; what it does goes on. May be repeated. */
    async cordonMachine(machine: string): Promise<Machine> {
      return present((await answer(service.cordonMachine({ machine }))).machine, "machine");
    },
    /** Ends a cordon, a drain that is under way, and a quarantine. May be repeated. */
    async uncordonMachine(machine: string): Promise<Machine> {
      return present((await answer(service.uncordonMachine({ machine }))).machine, "machine");
    },
    /**
     * Cordons it; what it does may go on for `timeoutMs`, ten minutes without it, and is stopped then. It is drained when it is
     * `cordoned` and its status is IDLE or OFFLINE.
     */
    async drainMachine(machine: string, { timeoutMs }: { timeoutMs?: number | undefined } = {}): Promise<Machine> {
      const timeout = timeoutMs === undefined ? {} : { timeout: durationFromMs(timeoutMs) };
      return present((await answer(service.drainMachine({ machine, ...timeout }))).machine, "machine");
    },
    /** Takes it away from what it does, at once. Cordon it first, or it is given the next run. */
    async releaseMachine(machine: string): Promise<Machine> {
      return present((await answer(service.releaseMachine({ machine }))).machine, "machine");
    },
    /** Makes a token that enrols machines. The secret is shown this once. */
    async createToken({ pool = "", uses = 0, lifetimeMs }: TokenWanted = {}): Promise<{
      token: EnrolmentToken;
      secret: string;
    }> {
      const lifetime = lifetimeMs === undefined ? {} : { lifetime: durationFromMs(lifetimeMs) };
      const { token, secret } = await answer(service.createEnrolmentToken({ pool, uses, ...lifetime }));
      return { token: present(token, "token"), secret };
    },
    /** The tokens, without their secrets, newest first. */
    tokens(): AsyncGenerator<EnrolmentToken, void, undefined> {
      return pages(async (page) => {
        const { tokens: rows, nextPageToken } = await answer(service.listEnrolmentTokens(page));
        return { rows, nextPageToken };
      });
    },
    /** Ends a token. Machines that it enrolled stay. May be repeated. */
    async revokeToken(tokenId: string): Promise<EnrolmentToken> {
      return present((await answer(service.revokeEnrolmentToken({ tokenId }))).token, "token");
    },
    /** What a run left, in the order of its attempts and commands. */
    async artifacts(runId: string): Promise<Artifact[]> {
      return (await answer(artifactService.listArtifacts({ runId }))).artifacts;
    },
    /** One artifact's bytes. Sensitive; every view is recorded. */
    async artifactContent(artifactId: string): Promise<Uint8Array> {
      return (await answer(artifactService.getArtifact({ artifactId }))).content;
    },
  };
}
