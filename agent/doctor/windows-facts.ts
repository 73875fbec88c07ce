// The facts of a session of Windows.

import { readSessionFacts } from "../desktop/windows/session-facts.ts";
import { loadWin32 } from "../desktop/windows/win32.ts";
import { isElevated, sleepsAfterSeconds } from "../host/windows/rights-and-power.ts";
import { currentUser, localMachine, numberIn, textIn } from "../host/windows/stored-values.ts";
import type { IdleFact, PlatformFacts, SessionFact } from "./platform-facts.ts";

const userDesktop = "Control Panel\\Desktop";
const systemPolicies = "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System";

export const windowsFacts: PlatformFacts = {
  ownCapture: "GDI BitBlt",

  async session(): Promise<SessionFact> {
    const { session, seenBy, connection } = readSessionFacts(loadWin32());
    if (session === 0) return { is: "services" };
    if (seenBy === "unknown") return { is: "unknown" };
    return { is: seenBy, number: session, disconnected: connection === "disconnected" };
  },

  async rights() {
    const elevated = isElevated();
    return elevated === undefined ? "unknown" : elevated ? "elevated" : "ordinary";
  },

  async windowManager() {
    return { is: "running", name: "Windows" };
  },

  /** Asked without sending any: whether this process may use the desktop that has the keyboard. */
  async input() {
    return { by: "SendInput", possible: readSessionFacts(loadWin32()).inputDesktop !== "denied", presence: true };
  },

  async idle() {
    const saverSeconds = screenSaverSeconds();
    const securely = textIn(currentUser, userDesktop, "ScreenSaverIsSecure") === "1";
    const policySeconds = numberIn(localMachine, systemPolicies, "InactivityTimeoutSecs") ?? 0;
    const lockSeconds = [securely ? saverSeconds : 0, policySeconds].filter((seconds) => seconds > 0);
    return [
      { what: "sleep", afterSeconds: sleepsAfterSeconds() ?? "unknown" },
      { what: "lock", afterSeconds: lockSeconds.length === 0 ? 0 : Math.min(...lockSeconds) },
      { what: "screen-saver", afterSeconds: saverSeconds },
    ] satisfies IdleFact[];
  },

  // What screenshot-desktop needs comes with Windows, or it says itself that it does not work.
  missingForHealthShots: () => [],
};

/** 0 where none is chosen, or the chosen one is off. */
function screenSaverSeconds(): number {
  const chosen = textIn(currentUser, userDesktop, "SCRNSAVE.EXE") ?? "";
  if (chosen === "" || textIn(currentUser, userDesktop, "ScreenSaveActive") !== "1") return 0;
  return Number(textIn(currentUser, userDesktop, "ScreenSaveTimeOut")) || 0;
}
