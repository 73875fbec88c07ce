// drover machines: the fleet.

import type { Command } from "commander";
import { type Machine, MachineSchema, MachineStatus } from "../gen/drover/v1/machine_pb.ts";
import { type MachineStatusName, nameOf } from "../names.ts";
import { all } from "../pages.ts";
import { act, addCommand } from "./desk.ts";
import { oneOf } from "./runs.ts";
import { whenText } from "./spans.ts";

const columns = [
  { title: "MACHINE", value: (machine: Machine) => machine.name, elastic: true },
  { title: "POOL", value: (machine: Machine) => machine.pool, elastic: true },
  {
    title: "STATUS",
    value: (machine: Machine) => (machine.revoked ? "REVOKED" : (nameOf(MachineStatus, machine.status) ?? "")),
  },
  { title: "SINCE", value: (machine: Machine) => whenText(machine.statusSince) },
  { title: "SYSTEM", value: (machine: Machine) => machine.os || machine.platform, elastic: true },
  { title: "AGENT", value: (machine: Machine) => machine.agentVersion },
  { title: "APPLICATIONS", value: (machine: Machine) => machine.applications.join(" "), elastic: true },
];

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
