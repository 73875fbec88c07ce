// What a machine is and has, fact by fact, and in what two machines differ: where a workflow fails on one and succeeded on the
// other, the cause is often among it. Pure.

import type { Inventory } from "./machine.ts";

export interface InventoryFact {
  /** Such as `screen`, `application mousepad`, `label site`. */
  readonly name: string;
  readonly value: string;
}

export interface InventoryDifference {
  readonly name: string;
  /** Empty: it is not there. */
  readonly value: string;
  /** Empty: it was not there. */
  readonly before: string;
}

/** In the order in which one reads them; what is not known is left out. */
export function inventoryFacts(inventory: Inventory): InventoryFact[] {
  const { screen, applications, labels, capabilities, dpi } = inventory;
  const facts: InventoryFact[] = [
    { name: "platform", value: inventory.platform },
    { name: "os", value: inventory.os },
    { name: "screen", value: screen.width > 0 ? `${screen.width}x${screen.height}` : "" },
    { name: "dpi", value: dpi > 0 ? String(dpi) : "" },
    { name: "session", value: inventory.session },
    // There, whether or not its version is known.
    ...sorted(applications.map(({ name, version }) => ({ name: `application ${name}`, value: version || "yes" }))),
    ...sorted(Object.entries(labels).map(([name, value]) => ({ name: `label ${name}`, value: value || "yes" }))),
    { name: "agent", value: inventory.agentVersion },
    { name: "executable", value: inventory.executable },
    { name: "capture", value: inventory.capture },
    ...sorted(capabilities.map((name) => ({ name: `capability ${name}`, value: "yes" }))),
  ];
  return facts.filter(({ value }) => value !== "");
}

/** What every machine has, known or not: one that is not known differs in nothing. */
const everywhere: readonly string[] = ["os", "screen", "dpi", "session", "capture"];

/** In what the machine differs from what another was; in the order of its facts, and after them what it has not. */
export function inventoryDifferences(now: Inventory, before: Inventory): InventoryDifference[] {
  const present = new Map(inventoryFacts(now).map(({ name, value }) => [name, value]));
  const past = new Map(inventoryFacts(before).map(({ name, value }) => [name, value]));
  return [...new Set([...present.keys(), ...past.keys()])]
    .map((name) => ({ name, value: present.get(name) ?? "", before: past.get(name) ?? "" }))
    .filter(({ value, before: was }) => value !== was)
    .filter(({ name, value, before: was }) => !everywhere.includes(name) || (value !== "" && was !== ""));
}

const sorted = (facts: readonly InventoryFact[]): InventoryFact[] =>
  facts.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
