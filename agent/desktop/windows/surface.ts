// Whether there is a surface that a person would see, and if not, why. A pure decision over what `session-facts.ts` read.
//
// A fact that cannot be read is not guessed: it decides nothing, and the rest still does. Whatever the facts say, a picture
// that is black all over is no surface, and neither is one that Windows does not give.

import type { Surface, SurfaceCause } from "../desktop.ts";

/** What Windows says of the session and of the desktop that has its keyboard. `unknown`: it does not say. */
export interface SessionFacts {
  /** 0 is the session of services, which no person sees. */
  readonly session: number | "unknown";
  /** Whether the agent's window station is the one that is shown. */
  readonly station: "visible" | "invisible" | "unknown";
  readonly connection: "active" | "disconnected" | "unknown";
  readonly lock: "locked" | "unlocked" | "unknown";
  /** The desktop that receives input; `denied` when the agent may not open it. */
  readonly inputDesktop: "default" | "screen-saver" | "other" | "denied";
  /** How the session is seen. */
  readonly seenBy: "console" | "rdp" | "unknown";
}

/** What a picture of the screen is like. `denied`: Windows gave none. */
export type Picture =
  | { readonly is: "shown" | "black"; readonly width: number; readonly height: number }
  | { readonly is: "denied" };

/** The picture is asked for only when the facts find no fault. */
export function surfaceOf(facts: SessionFacts, picture: () => Picture): Surface {
  const cause = faultOf(facts);
  if (cause !== undefined) return { is: "absent", cause };
  const seen = picture();
  if (seen.is === "shown") return { is: "present", width: seen.width, height: seen.height };
  return { is: "absent", cause: seen.is === "black" ? "BLANK" : "SECURE_DESKTOP" };
}

/** The nearest cause first: a session that is closed is locked as well, and a locked one shows the secure desktop. */
function faultOf({ session, station, connection, lock, inputDesktop }: SessionFacts): SurfaceCause | undefined {
  if (session === 0 || station === "invisible") return "NO_SESSION";
  if (connection === "disconnected") return "DISCONNECTED";
  if (lock === "locked" || inputDesktop === "screen-saver") return "LOCKED";
  if (inputDesktop !== "default") return "SECURE_DESKTOP";
  return undefined;
}
