// The simulated application: a book that takes one order at a time. Its title tells what it shows, so that a guard can ask for
// the right order; `ctrl+s` enters the order into the books a moment later, each time that it arrives.

import type { SimulatedApplication, SimulatedWindow } from "../../agent/desktop/simulated-world.ts";
import type { Chance } from "./chance.ts";
import type { Nature } from "./judge.ts";
import type { Schedule } from "./schedule.ts";

export const ledgerProcess = "ledger";

export const ledgerSource = `
application: ledger
launch: { command: [ledger], timeout: 5s }
ready: [ { process: ledger }, { window: { title: "Ledger*", process: ledger } }, { responsive: 1s } ]
`;

const steps = (effect: string, done: string) => `
steps:
  - { id: clear, press: ctrl+n, in: { process: ledger }, timeout: 8s }
  - { id: write, type: "\${inputs.order}", in: { process: ledger }, timeout: 8s }
  - { id: enter, press: ctrl+s, in: { process: ledger }, effect: ${effect}, timeout: 8s,
      guard: { active: "Ledger \${inputs.order}" }${done} }
  - { id: leave, press: escape, in: { process: ledger }, timeout: 8s }
`;

/** Written for a quarter of a minute or more where input is slow, so that leases end in the middle of a command. */
const memo = `
steps:
  - { id: remember, type: "${"a memo that is written slowly; ".repeat(3)}", in: { process: ledger }, timeout: 55s }`;

const head = (name: string, timeout = "1m") => `
workflow: ${name}
application: ledger
inputs: { type: object, required: [order], properties: { order: { type: string } } }
timeout: ${timeout}
queue: 5m
retry: { attempts: 3, on: [MACHINE_LOST, AGENT_RESTARTED, LEASE_LOST, NOT_READY, NO_SURFACE, AGENT_ERROR, FOCUS_LOST,
  GUARD_FAILED, TIMEOUT, NOT_DONE] }
`;

const entered = `, done: { active: "Ledger, entered \${inputs.order}" }`;

/** Entering twice is harmless only where the workflow's author says so. */
export const workflowSources: readonly string[] = [
  head("ledger.enter") + steps("commit", entered),
  head("ledger.enter-unchecked") + steps("commit", ""),
  head("ledger.enter-tidily") +
    steps("commit", entered) +
    "cleanup:\n  - { press: escape, in: { process: ledger }, timeout: 4s }\n",
  head("ledger.enter-slowly", "3m") + memo + steps("commit", entered).replace("\nsteps:", ""),
  `${head("ledger.repeat")}readonly: true\n${steps("idempotent", entered)}`,
];

/** What the judge has to know of them. */
export const ledgerNature: Nature = {
  application: ledgerProcess,
  repeatable: new Set(["ledger.repeat"]),
  unchecked: new Set(["ledger.enter-unchecked"]),
};

/** `pressed` is called when the key to enter an order arrives, and what it returns when the order is in the books. */
export function ledger(
  schedule: Schedule,
  chance: Chance,
  pressed: (order: string) => () => void,
): SimulatedApplication {
  return {
    process: ledgerProcess,
    start(world, pid) {
      schedule.in(undefined, chance.mostlyShort(200, 4_000), () => {
        if (world.processes().some((process) => process.pid === pid)) {
          world.open({ title: "Ledger", process: ledgerProcess, pid });
        }
      });
    },
    key(world, window, key) {
      if (key === "ctrl+n" || key === "escape") show(window, "");
      else if (key === "ctrl+s") {
        const order = window.text;
        const entered = pressed(order);
        schedule.in(undefined, chance.mostlyShort(5, 1_500), () => {
          if (!world.windows.includes(window)) return;
          entered();
          const show = () => {
            if (window.text === order) window.title = `Ledger, entered ${order}`;
          };
          // Now and then it does not show that the order is in the books, or not in time.
          if (!chance.happens(0.02)) schedule.in(undefined, chance.mostlyShort(0, 2_000), show);
        });
      } else if (Array.from(key).length === 1) show(window, window.text + key);
    },
  };
}

function show(window: SimulatedWindow, text: string): void {
  window.text = text;
  window.title = text === "" ? "Ledger" : `Ledger ${text}`;
}
