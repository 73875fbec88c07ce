// drover machines: the fleet, and what keeps each machine from work.

import type { Command } from "commander";
import { type Machine, MachineSchema, MachineStatus } from "../gen/drover/v1/machine_pb.ts";
import { type MachineStatusName, nameOf } from "../names.ts";
import { all } from "../pages.ts";
import { act, addCommand } from "./desk.ts";
import { isDrained } from "./machine.ts";
import { oneOf } from "./runs.ts";
import { whenText } from "./spans.ts";

const columns = [
  { title: "MACHINE", value: (machine: Machine) => machine.name, elastic: true },
  { title: "POOL", value: (machine: Machine) => machine.pool, elastic: true },
  {
    title: "STATUS",
    value: (machine: Machine) => (machine.revoked ? "REVOKED" : (nameOf(MachineStatus, machine.status) ?? "")),
  },
  { title: "READY", value: readiness, elastic: true },
  { title: "SINCE", value: (machine: Machine) => whenText(machine.statusSince) },
  { title: "SYSTEM", value: (machine: Machine) => machine.os || machine.platform, elastic: true },
  { title: "AGENT", value: (machine: Machine) => machine.agentVersion },
  { title: "APPLICATIONS", value: (machine: Machine) => machine.applications.join(" "), elastic: true },
];

/** Whether it can be given a run, or the first thing that keeps it from that. */
function readiness(machine: Machine): string {
  const { status, revoked, halted, holdReason, cordoned, drainDeadline, desktop, unclean, unreadyVerdict } = machine;
  const attached = status === MachineStatus.IDLE || status === MachineStatus.BUSY;
  if (revoked) return "";
  if (halted || holdReason === "HALTED") return "halted";
  if (drainDeadline !== undefined) return isDrained(machine) ? "drained" : "draining";
  if (cordoned) return "cordoned";
  if (!attached) return "";
  if (holdReason === "HUMAN_PRESENT") return "person";
  if (desktop === "ABSENT") return "no desktop";
  if (desktop === "STUCK") return "stuck";
  if (unclean) return "unclean";
  return unreadyVerdict === "" ? "ready" : unreadyVerdict;
}

export function addMachines(program: Command): Command {
  return addCommand(program, "machines", "list machines by name", [
    "drover machines --status idle",
    "drover machines --pool clinic --json | jq '.[].name'",
  ])
    .option("--pool <name>", "only of this pool")
    .option("--status <status>", "idle, busy, reattaching, offline", oneOf(MachineStatus))
    .action(
      act(async (desk, filter: { pool?: string; status?: MachineStatusName }) => {
        const rows = await all(desk.client.machines(filter));
        desk.list(MachineSchema, rows, columns, "No machines. Enrol one: drover token create, then drover agent");
      }),
    );
}
