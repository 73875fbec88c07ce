// drover machine: one machine taken out of service and back.

import type { Command } from "commander";
import { sleep } from "../backoff.ts";
import { Refused } from "../errors.ts";
import { type Machine, MachineSchema, MachineStatus } from "../gen/drover/v1/machine_pb.ts";
import { act, addCommand, type Desk, jsonOf } from "./desk.ts";
import { cleaned } from "./screen-text.ts";
import { spanMs, whenText } from "./spans.ts";

/** Between two looks at a machine that is waited for. */
const lookMs = 500;

export function addMachine(program: Command): Command[] {
  const group = program.command("machine").description("take a machine out of service, and back");
  const cordon = addCommand(group, "cordon <machine>", "give it no further run; what it does goes on", [
    "drover machine cordon vm-1",
  ]).action(act(async (desk, name: string) => show(desk, await desk.client.cordonMachine(name))));
  const uncordon = addCommand(group, "uncordon <machine>", "give it runs again; ends a drain and a quarantine", [
    "drover machine uncordon vm-1",
  ]).action(act(async (desk, name: string) => show(desk, await desk.client.uncordonMachine(name))));
  const drain = addCommand(group, "drain <machine>", "cordon it, and stop what it does when its time is up", [
    "drover machine drain vm-1",
    "drover machine drain vm-1 --timeout 5m --wait && ssh vm-1 sudo reboot",
  ])
    .option("--timeout <span>", "how long what it does may go on, like 5m (10m)", spanMs)
    .option("--wait", "return when it is drained")
    .action(
      act(async (desk, name: string, { timeout, wait }: { timeout?: number; wait?: boolean }) => {
        const machine = await desk.client.drainMachine(name, { timeoutMs: timeout });
        show(desk, wait ? await drained(desk, machine) : machine);
      }),
    );
  const release = addCommand(group, "release <machine>", "take it away from what it does, at once; cordon it first", [
    "drover machine cordon vm-1 && drover machine release vm-1",
  ]).action(act(async (desk, name: string) => show(desk, await desk.client.releaseMachine(name))));
  return [cordon, uncordon, drain, release];
}

function show(desk: Desk, machine: Machine): void {
  if (desk.json) desk.document(jsonOf(MachineSchema, machine));
  else desk.out(standing(machine));
}

/** It is given no run, and does nothing. */
export const isDrained = ({ cordoned, status }: Machine): boolean =>
  cordoned && (status === MachineStatus.IDLE || status === MachineStatus.OFFLINE);

/** Where it stands, in a line. */
function standing(machine: Machine): string {
  const { cordoned, drainDeadline, runId } = machine;
  const name = cleaned(machine.name);
  const work = runId === "" ? "" : `: run ${cleaned(runId)}`;
  if (!cordoned) return `${name} is given runs`;
  if (drainDeadline === undefined) return `${name} is cordoned${work}`;
  if (isDrained(machine)) return `${name} is drained`;
  return `${name} is draining${work}, stopped ${whenText(drainDeadline)}`;
}

/** The machine when it is drained. What it waits for is said whenever that has changed. */
async function drained(desk: Desk, first: Machine): Promise<Machine> {
  let machine = first;
  for (let said = ""; !isDrained(machine); machine = await desk.client.machine(machine.id)) {
    if (!machine.cordoned) throw new Refused("", `${machine.name} was uncordoned meanwhile: it is not drained.`);
    const now = `${machine.status} ${machine.runId} ${machine.drainDeadline?.seconds}`;
    if (now !== said) desk.note(standing(machine));
    said = now;
    await sleep(lookMs, desk.signal);
  }
  return machine;
}
