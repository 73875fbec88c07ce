// A simulated note pad, named and behaving enough like mousepad for the example workflow: type, ctrl+s, a modal
// "Save As" that takes a path, and a title that tells the path when it is saved.

import type { SimulatedApplication, SimulatedWindow, SimulatedWorld } from "./simulated-world.ts";

const SAVE_AS = "Save As";

/** One program; a world that has it can be launched with `[process]`. */
export function simulatedNotes(process = "mousepad"): SimulatedApplication {
  return {
    process,
    start(world, pid) {
      world.open({ title: "Untitled 1 - Mousepad", process, pid });
    },
    key(world, window, key) {
      if (window.title === SAVE_AS) return saveAs(world, window, key);
      if (key === "ctrl+s") {
        const box = { x: 200, y: 200, width: 300, height: 120 };
        world.open({ title: SAVE_AS, process, pid: window.pid, modal: true, box });
      } else if (key === "ctrl+v") window.text += world.clipboard;
      else edit(window, key);
    },
  };
}

function saveAs(world: SimulatedWorld, dialog: SimulatedWindow, key: string): void {
  if (key === "escape") world.remove(dialog.id);
  else if (key === "enter") save(world, dialog);
  else edit(dialog, key);
}

function save(world: SimulatedWorld, dialog: SimulatedWindow): void {
  const path = dialog.text;
  world.remove(dialog.id);
  const main = world.windows.findLast(({ pid, modal }) => pid === dialog.pid && !modal);
  if (main === undefined) return;
  world.files.set(path, { text: main.text, saves: (world.files.get(path)?.saves ?? 0) + 1 });
  main.title = `${path} - Mousepad`;
}

function edit(window: SimulatedWindow, key: string): void {
  if (key === "backspace") window.text = Array.from(window.text).slice(0, -1).join("");
  else if (key === "ctrl+a") window.text = "";
  else if (key === "enter") window.text += "\n";
  else if (key === "tab") window.text += "\t";
  else if (Array.from(key).length === 1) window.text += key;
}
