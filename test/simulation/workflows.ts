// The workflows of a simulation, and what the judge has to know of them. All of them enter an order into the books
// (`ledger.ts`), with more or less care.

import type { Nature } from "./judge/finding.ts";
import { ledgerProcess } from "./ledger.ts";

export const ledgerSource = `
application: ledger
launch: { command: [ledger], timeout: 5s }
ready: [ { process: ledger }, { window: { title: "Ledger*", process: ledger } }, { responsive: 1s } ]
`;

/** The program of the machines that tells whether an order was entered on this machine. */
export const journal = "journal";

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

const tidily = `
cleanup:
  - { press: escape, in: { process: ledger }, timeout: 4s }
`;

/** By a program of the machine that the order was to be entered on. */
const verifyByJournal = `
verify:
  on: same-machine
  within: 2m
  steps:
    - { exec: [${journal}, "\${inputs.order}"], timeout: 8s }
`;

/** By looking it up in the application, wherever there is one. */
const verifyByLookingUp = `
verify:
  on: any
  within: 90s
  steps:
    - { press: ctrl+n, in: { process: ledger }, timeout: 8s }
    - { type: "\${inputs.order}", in: { process: ledger }, timeout: 8s }
    - { press: ctrl+f, in: { process: ledger }, timeout: 8s, done: { active: "Ledger, \${inputs.order} is *" } }
    - { assert: { active: "Ledger, \${inputs.order} is there" } }
`;

const head = (name: string, timeout = "1m", requires = "{}") => `
workflow: ${name}
application: ledger
requires: ${requires}
inputs: { type: object, required: [order], properties: { order: { type: string } } }
timeout: ${timeout}
queue: 5m
retry: { attempts: 3, on: [MACHINE_LOST, AGENT_RESTARTED, LEASE_LOST, NOT_READY, NO_SURFACE, AGENT_ERROR, FOCUS_LOST,
  GUARD_FAILED, TIMEOUT, NOT_DONE, FROZEN, APP_CRASHED, DRAINED, FORCE_RELEASED] }
`;

const entered = `, done: { active: "Ledger, entered \${inputs.order}" }`;

/** Entering twice is harmless only where the workflow's author says so. */
export const workflowSources: readonly string[] = [
  head("ledger.enter") + steps("commit", entered),
  head("ledger.enter-unchecked") + steps("commit", ""),
  head("ledger.enter-tidily", "1m", "{ labels: { site: north } }") + steps("commit", entered) + tidily,
  head("ledger.enter-slowly", "3m") + memo + steps("commit", entered).replace("\nsteps:", ""),
  head("ledger.enter-and-ask-the-journal", "1m", '{ version: ">=2" }') + steps("commit", entered) + verifyByJournal,
  head("ledger.enter-and-look-up", "1m", "{ labels: { site: { exists: true } } }") +
    steps("commit", entered) +
    tidily +
    verifyByLookingUp,
  `${head("ledger.repeat", "1m", '{ version: "<2 || >=3", labels: { site: { not: east } } }')}readonly: true\n${steps("idempotent", entered)}`,
];

/** What the judge has to know of them. */
export const ledgerNature: Nature = {
  application: ledgerProcess,
  repeatable: new Set(["ledger.repeat"]),
  unchecked: new Set(["ledger.enter-unchecked"]),
  tidied: new Set(["ledger.enter-tidily", "ledger.enter-and-look-up"]),
  verified: new Map([
    ["ledger.enter-and-ask-the-journal", { on: "same-machine", withinMs: 120_000 }],
    ["ledger.enter-and-look-up", { on: "any", withinMs: 90_000 }],
  ]),
  fits: (workflow, { version, site }) => {
    if (workflow === "ledger.enter-tidily") return site === "north";
    if (workflow === "ledger.enter-and-ask-the-journal") return Number.parseInt(version, 10) >= 2;
    return workflow !== "ledger.repeat" || Number.parseInt(version, 10) < 2;
  },
};
