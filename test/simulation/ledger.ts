// The simulated application: a book that takes one order at a time. Its title tells what it shows, so that a guard can ask for
// the right order; `ctrl+s` enters the order into the books a moment later, each time that it arrives, and `ctrl+f` tells
// whether the order that is shown is in the books.

import type { SimulatedApplication, SimulatedWindow } from "../../agent/desktop/simulated-world.ts";
import type { Chance } from "./chance.ts";

export const ledgerProcess = "ledger";

/** What the application tells the world, and what it asks of it. */
export interface LedgerWorld {
  /** The attempt whose input arrives now; empty: nobody's. */
  attempt(): string;
  /** The key to enter an order arrived; what it returns is called when the order is in the books. */
  pressed(order: string): () => void;
  isEntered(order: string): boolean;
  /** What is written comes out wrong, as on a machine whose keyboard is set to another language. */
  isPoisoned(): boolean;
  /** The machine's own time goes by: while it is suspended, none does. */
  later(delayMs: number, work: () => void): void;
}

export interface Ledger {
  readonly application: SimulatedApplication;
  /** The attempt whose work a window shows; empty: nobody's. */
  shownBy(window: SimulatedWindow | undefined): string;
}

export function ledger(chance: Chance, world: LedgerWorld): Ledger {
  const shownBy = new WeakMap<SimulatedWindow, string>();
  const show = (window: SimulatedWindow, text: string) => {
    window.text = text;
    window.title = text === "" ? "Ledger" : `Ledger ${text}`;
    if (text === "") shownBy.delete(window);
    else shownBy.set(window, world.attempt());
  };
  /** A moment later, if the window still shows the order then. */
  const showOf = (window: SimulatedWindow, order: string, delayMs: number, title: () => string) =>
    world.later(delayMs, () => {
      if (window.text === order) window.title = title();
    });
  const enter = (window: SimulatedWindow, order: string, windows: () => readonly SimulatedWindow[]) => {
    const entered = world.pressed(order);
    world.later(chance.mostlyShort(5, 1_500), () => {
      if (!windows().includes(window)) return;
      entered();
      // Now and then it does not show that the order is in the books, or not in time.
      if (chance.happens(0.02)) return;
      showOf(window, order, chance.mostlyShort(0, 2_000), () => `Ledger, entered ${order}`);
    });
  };
  return {
    shownBy: (window) => (window === undefined ? "" : (shownBy.get(window) ?? "")),
    application: {
      process: ledgerProcess,
      start(desktop, pid) {
        world.later(chance.mostlyShort(200, 4_000), () => {
          if (desktop.processes().some((process) => process.pid === pid)) {
            desktop.open({ title: "Ledger", process: ledgerProcess, pid });
          }
        });
      },
      key(desktop, window, key) {
        const order = window.text;
        if (key === "ctrl+n" || key === "escape") show(window, "");
        else if (key === "ctrl+s") enter(window, order, () => desktop.windows);
        else if (key === "ctrl+f") {
          const found = () => `Ledger, ${order} is ${world.isEntered(order) ? "there" : "missing"}`;
          showOf(window, order, chance.mostlyShort(5, 1_500), found);
        } else if (Array.from(key).length === 1) show(window, order + (world.isPoisoned() ? "?" : key));
      },
    },
  };
}
