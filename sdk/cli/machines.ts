// drover machines: the fleet, and what keeps each machine from work.

import type { Command } from "commander";
import { type Machine, MachineSchema, MachineStatus } from "../gen/drover/v1/machine_pb.ts";
import { type MachineStatusName, nameOf } from "../names.ts";
import { all } from "../pages.ts";
import { act, addCommand } from "./desk.ts";
import { isDrained } from "./machine.ts";
import { isFiltered, oneOf } from "./runs.ts";
import { isAhead, whenText } from "./spans.ts";
import { type Column, countsText } from "./table.ts";

const columns: Column<Machine>[] = [
  { title: "MACHINE", value: (machine) => machine.name, elastic: true },
  { title: "POOL", value: (machine) => machine.pool, elastic: true, spare: "when same" },
  { title: "STATUS", value: statusText },
  { title: "TAKES RUNS", value: takesRuns },
  { title: "SINCE", value: (machine) => whenText(machine.statusSince) },
  { title: "APPLICATIONS", value: (machine) => machine.applications.join(" "), elastic: true },
  { title: "SYSTEM", value: (machine) => machine.os || machine.platform, elastic: true, spare: "always" },
  { title: "AGENT", value: (machine) => machine.agentVersion, spare: "always" },
  { title: "WARM FOR", value: (machine) => machine.warmApplications.join(" "), elastic: true, spare: "always" },
];

function statusText(machine: Machine): string {
  return machine.revoked ? "REVOKED" : (nameOf(MachineStatus, machine.status) ?? "");
}

const isAttached = ({ status }: Machine): boolean => status === MachineStatus.IDLE || status === MachineStatus.BUSY;

/** What keeps it from being given a run, besides what it does: the first thing to see to. The detail is for its row alone. */
function keptBy(machine: Machine): { what: string; detail?: string } | undefined {
  const { revoked, halted, holdReason, cordoned, drainDeadline, desktop, unclean } = machine;
  if (revoked) return undefined;
  if (halted || holdReason === "HALTED") return { what: "halted" };
  if (drainDeadline !== undefined) return { what: isDrained(machine) ? "drained" : "draining" };
  if (cordoned) return { what: "cordoned" };
  if (!isAttached(machine)) return undefined;
  if (isAhead(machine.quarantinedUntil)) {
    return { what: "quarantined", detail: ` ${whenText(machine.quarantinedUntil).replace(/^in /, "for ")}` };
  }
  if (holdReason === "HUMAN_PRESENT") return { what: "person at it" };
  if (desktop === "ABSENT") return { what: "no desktop" };
  if (desktop === "STUCK") return { what: "desktop stuck" };
  if (unclean) return { what: "unclean" };
  // Then it is tried again.
  return isAhead(machine.unreadyUntil) ? { what: "not ready", detail: `: ${machine.unreadyVerdict}` } : undefined;
}

function takesRuns(machine: Machine): string {
  const kept = keptBy(machine);
  if (kept !== undefined) return `${kept.what}${kept.detail ?? ""}`;
  return isAttached(machine) && !machine.revoked ? "yes" : "no";
}

/** How many there are of each: by what keeps them from runs, and the others by their status. */
function summaryOf(machines: readonly Machine[]): string {
  const counts = new Map<string, number>();
  for (const machine of machines) {
    const word = keptBy(machine)?.what ?? statusText(machine).toLowerCase();
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return countsText("machine", machines.length, counts);
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
        const none = isFiltered(filter)
          ? "No machine fits the filter."
          : "No machines. Enrol one: drover token create, then drover agent";
        desk.list(MachineSchema, rows, columns, none, summaryOf(rows));
      }),
    );
}
