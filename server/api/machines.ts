// MachineService.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  type EnrolmentTokenSchema,
  type MachineSchema,
  type MachineService,
  MachineStatus,
} from "@drover/proto/gen/drover/v1/machine_pb.ts";
import type { CordonWanted } from "../engine/cordoning.ts";
import { limits } from "../rules/limits.ts";
import { machineStatuses } from "../rules/machine.ts";
import type { EnrolmentTokenView } from "../store/key-reads.ts";
import type { MachineView } from "../store/machine-reads.ts";
import { type Audit, decidedBy, viewedBy } from "./audit.ts";
import { principalOf } from "./auth.ts";
import type { MachineDoor } from "./door.ts";
import { accepted, refused } from "./errors.ts";
import { page } from "./pages.ts";
import { timestamp } from "./run-messages.ts";

/** How long an enrolment token is good for when nobody says: long enough to set a machine up. */
const tokenLifetimeMs = 3_600_000;

export function createMachines(door: MachineDoor, audit: Audit): ServiceImpl<typeof MachineService> {
  const find = async (machine: string, context: HandlerContext): Promise<MachineView> =>
    (await door.read(principalOf(context).tenant, machine)) ??
    refused("MACHINE_NOT_FOUND", `There is no machine ${machine}.`);

  const cordon = async (
    machine: string,
    context: HandlerContext,
    wanted: CordonWanted,
    as: "cordoned" | "uncordoned" | "drained",
  ) => {
    const { id } = await find(machine, context);
    const changed = accepted(await door.cordon(principalOf(context).tenant, id, wanted));
    audit(decidedBy(principalOf(context), { decided: "machine", machineId: id, as }));
    return { machine: machineMessage(changed) };
  };

  return {
    async listMachines(request, context) {
      const { tenant } = principalOf(context);
      const status = machineStatuses.find((is) => statuses[is] === request.status);
      const filter = {
        ...(request.pool === "" ? {} : { pool: request.pool }),
        ...(status === undefined ? {} : { status }),
      };
      const { rows, nextPageToken } = await page("machines", request, "name", (after, limit) =>
        door.list(tenant, filter, after, limit),
      );
      return { machines: rows.map(machineMessage), nextPageToken };
    },

    async getMachine({ machine }, context) {
      return { machine: machineMessage(await find(machine, context)) };
    },

    async getScreenshot({ machine }, context) {
      const principal = principalOf(context);
      const { id, name } = await find(machine, context);
      const screenshot = await door.screenshot(principal.tenant, id);
      if (screenshot === undefined) {
        return refused("SCREENSHOT_NOT_FOUND", `The machine ${name} has sent no screenshot yet.`);
      }
      audit(viewedBy(principal, { viewed: "screenshot", machineId: id }));
      return { png: new Uint8Array(screenshot.png), takenAt: timestamp(screenshot.takenAt) };
    },

    async revokeMachine({ machine }, context) {
      const { id } = await find(machine, context);
      return { machine: machineMessage(accepted(await door.revoke(principalOf(context).tenant, id))) };
    },

    cordonMachine: ({ machine }, context) => cordon(machine, context, { is: "cordon" }, "cordoned"),
    uncordonMachine: ({ machine }, context) => cordon(machine, context, { is: "uncordon" }, "uncordoned"),
    drainMachine({ machine, timeout }, context) {
      const timeoutMs = timeout === undefined ? limits.drainMs : Math.ceil(durationMs(timeout));
      return cordon(machine, context, { is: "drain", timeoutMs }, "drained");
    },

    async releaseMachine({ machine }, context) {
      const { id } = await find(machine, context);
      const released = accepted(await door.release(principalOf(context).tenant, id));
      audit(decidedBy(principalOf(context), { decided: "machine", machineId: id, as: "released" }));
      return { machine: machineMessage(released) };
    },

    async createEnrolmentToken({ pool, uses, lifetime }, context) {
      const wanted = {
        pool: pool === "" ? "default" : pool,
        uses: uses === 0 ? 1 : uses,
        lifetimeMs: lifetime === undefined ? tokenLifetimeMs : Math.ceil(durationMs(lifetime)) || 1,
      };
      const { token, secret } = accepted(await door.createToken(principalOf(context).tenant, wanted));
      return { token: tokenMessage(token), secret };
    },

    async listEnrolmentTokens(request, context) {
      const { tenant } = principalOf(context);
      const { rows, nextPageToken } = await page("enrolment tokens", request, "id", (before, limit) =>
        door.listTokens(tenant, before, limit),
      );
      return { tokens: rows.map(tokenMessage), nextPageToken };
    },

    async revokeEnrolmentToken({ tokenId }, context) {
      const revoked = accepted(await door.revokeToken(principalOf(context).tenant, tokenId.toLowerCase()));
      return { token: tokenMessage(revoked) };
    },
  };
}

const statuses = {
  idle: MachineStatus.IDLE,
  busy: MachineStatus.BUSY,
  reattaching: MachineStatus.REATTACHING,
  offline: MachineStatus.OFFLINE,
} as const satisfies Record<MachineView["status"], MachineStatus>;

const machineMessage = (machine: MachineView): MessageInitShape<typeof MachineSchema> => ({
  id: machine.id,
  name: machine.name,
  pool: machine.pool,
  status: statuses[machine.status],
  platform: machine.inventory?.platform ?? "",
  os: machine.inventory?.os ?? "",
  agentVersion: machine.inventory?.agentVersion ?? "",
  screenWidth: machine.inventory?.screen.width ?? 0,
  screenHeight: machine.inventory?.screen.height ?? 0,
  applications: (machine.inventory?.applications ?? []).map(({ name, version }) =>
    version === "" ? name : `${name}@${version}`,
  ),
  labels: { ...machine.inventory?.labels },
  runId: machine.runId ?? "",
  enrolledAt: timestamp(machine.enrolledAt),
  statusSince: timestamp(machine.statusSince),
  revoked: machine.revokedAt !== null,
  // An inventory that was saved by an older server has none of these.
  capture: machine.inventory?.capture ?? "",
  dpi: machine.inventory?.dpi ?? 0,
  session: machine.inventory?.session ?? "",
  cordoned: machine.cordonedAt !== null,
  drainDeadline: timestamp(machine.drainBy),
  holdReason: machine.hold ?? "",
  desktop: machine.desktop ?? "",
  unreadyVerdict: machine.unreadyVerdict ?? "",
  unreadyUntil: timestamp(machine.unreadyUntil),
  unclean: machine.unclean,
  halted: machine.halted,
  quarantinedUntil: timestamp(machine.quarantinedUntil),
  failuresInARow: machine.failuresInARow,
  warmApplications: [...machine.warmApplications],
});

const tokenMessage = (token: EnrolmentTokenView): MessageInitShape<typeof EnrolmentTokenSchema> => ({
  id: token.id,
  pool: token.pool,
  usesLeft: token.usesLeft,
  expiresAt: timestamp(token.expiresAt),
  createdAt: timestamp(token.createdAt),
  revoked: token.revokedAt !== null,
});
