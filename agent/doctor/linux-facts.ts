// The facts of an X11 session on Linux.

import { readX11Facts } from "../desktop/x11/session-facts.ts";
import type { PlatformFacts, SessionFact } from "./platform-facts.ts";
import { isOnPath } from "./programs.ts";

/** What screenshot-desktop runs. */
const healthShotPrograms = ["import", "xrandr"];

export const linuxFacts: PlatformFacts = {
  ownCapture: "XGetImage",

  async session(): Promise<SessionFact> {
    const display = process.env["DISPLAY"] ?? "";
    try {
      const { wayland } = await readX11Facts();
      return wayland ? { is: "wayland" } : { is: "x11", display };
    } catch (error) {
      const { name, message } = error as Error;
      if (name !== "DesktopLost") return { is: "unloadable", why: message };
      return process.env["WAYLAND_DISPLAY"] === undefined ? { is: "unreachable", display } : { is: "wayland" };
    }
  },

  async rights() {
    return process.getuid?.() === 0 ? "root" : "ordinary";
  },

  async windowManager() {
    const { windowManager } = await readX11Facts();
    if (windowManager === undefined) return { is: "none" };
    return { is: "running", name: windowManager === "" ? "one without a name" : windowManager };
  },

  async input() {
    const { takesInput, tellsInput } = await readX11Facts();
    return { by: "XTest", possible: takesInput, presence: tellsInput };
  },

  async idle() {
    return [{ what: "screen-saver", afterSeconds: (await readX11Facts()).screenSaverSeconds }];
  },

  missingForHealthShots: () => healthShotPrograms.filter((program) => !isOnPath(program)),
};
