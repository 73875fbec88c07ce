// Checks of what is on the screen and of what can be done with it. Each judgement is pure; the readers beside them collect.

import type { Surface, SurfaceCause } from "../desktop/desktop.ts";
import { fault, type Judgement, ok, warning } from "./finding.ts";
import type { InputFact, RightsFact, SessionFact, WindowManagerFact } from "./platform-facts.ts";

export function judgeSession(session: SessionFact): Judgement {
  switch (session.is) {
    case "x11":
      return ok(`X11 on display ${session.display}`);
    case "unreachable":
      return fault(
        session.display === "" ? "no X display is named" : `no X server answers on display ${session.display}`,
        "Run this within the session of the user, or name its display (--display :0) and set XAUTHORITY.",
      );
    case "unloadable":
      return fault(session.why, "Install the libraries that are named (Debian: libx11-6 and libxtst6).");
    case "wayland":
      return fault(
        "a Wayland desktop, which lets no program see or drive it",
        'Log on with an X11 session (chosen on the log-on screen, such as "GNOME on Xorg").',
      );
    case "services":
      return fault(
        "session 0, where services run and no desktop is",
        "Run the agent in the session of a user who is logged on: drover-agent install makes the task for it.",
      );
    case "unknown":
      return warning(
        "what kind of session this is cannot be read",
        "Look whether the user is logged on at the console.",
      );
    case "console":
      return ok(`the console${numbered(session.number)}`);
    case "rdp":
      return session.disconnected
        ? fault(
            `a remote desktop that is disconnected${numbered(session.number)}`,
            "Give the session to the console (tscon), and let the user log on automatically there instead of by RDP.",
          )
        : warning(
            `a remote desktop${numbered(session.number)}: its screen goes when the connection does`,
            "Let the user log on automatically at the console, and look at the machine by its hypervisor.",
          );
  }
}

const numbered = (number: number | "unknown") => (number === "unknown" ? "" : `, session ${number}`);

export function judgeRights(rights: RightsFact): Judgement {
  switch (rights) {
    case "root":
      return warning("root, as will be every program that it starts", "Run the agent as the user whose desktop it is.");
    case "elevated":
      return ok("elevated: windows of elevated programs take its input too");
    case "ordinary":
      return ok("an ordinary user");
    case "unknown":
      return warning("the rights cannot be read", "See that the agent runs as the user whose desktop it is.");
  }
}

/** On Windows an ordinary agent is enough, unless an application has more rights than it. */
export function judgeInput({ by, possible, presence }: InputFact, rights: RightsFact): Judgement {
  if (!possible) {
    return by === "XTest"
      ? fault(
          "the X server has no XTest extension",
          "Start the X server without disabling XTEST (Xorg has it by default).",
        )
      : fault(
          "SendInput is not let through to this desktop",
          "Run the agent in the interactive session of the user, not as a service and not under a restricted token.",
        );
  }
  if (!presence) {
    return warning(
      `by ${by}; a person at the mouse or the keyboard is not seen, and not waited for`,
      "Install libXi (Debian: libxi6), and start the X server with XInputExtension (2.1 or later).",
    );
  }
  if (by === "SendInput" && rights !== "elevated") {
    return ok("by SendInput; windows of elevated programs take it from an elevated agent only");
  }
  return ok(`by ${by}`);
}

export function judgeSurface(surface: Surface): Judgement {
  if (surface.is === "present") return ok(`${surface.width} x ${surface.height}`);
  const [found, remedy] = absences[surface.cause];
  return fault(`${surface.cause}: ${found}`, remedy);
}

const absences: Readonly<Record<SurfaceCause, readonly [found: string, remedy: string]>> = {
  LOCKED: ["the screen is locked", "Unlock it, and turn automatic locking off for this user."],
  BLANK: ["the whole screen is black", "Wake the screen, and turn screen savers and sleeping off."],
  NO_SESSION: ["nobody's desktop is shown", "Log a user on; on X11 start a window manager in the session."],
  UNREACHABLE: ["the desktop does not answer", "Restart the session of the user."],
  DISCONNECTED: [
    "the remote desktop is disconnected",
    "Give the session to the console (tscon), and let the user log on automatically there.",
  ],
  SECURE_DESKTOP: [
    "Windows asks something on its secure desktop, such as for elevation",
    "Answer it, and let elevation be asked for on the user's desktop or not at all on this machine.",
  ],
};

export function judgeWindowManager(manager: WindowManagerFact): Judgement {
  return manager.is === "none"
    ? fault(
        "none that speaks EWMH: windows cannot be listed, raised or closed",
        "Start a window manager in the session, such as openbox, xfwm4, mutter or kwin.",
      )
    : ok(manager.name);
}

/** How a picture was taken. */
export interface ShotFact {
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  readonly durationMs: number;
}

export const judgeCapture = ({ path, width, height, durationMs }: ShotFact): Judgement =>
  ok(`by ${path}, ${width} x ${height} in ${Math.ceil(durationMs)} ms`);

const SLOW_SHOT_MS = 5000;

export interface HealthShotFact {
  /** Undefined when none could be taken. */
  readonly shot: ShotFact | undefined;
  /** Programs that the independent path needs and that are not there. */
  readonly missing: readonly string[];
  readonly onWindows: boolean;
}

/** A shot that came by the agent's own path says nothing of that path when it is broken: two eyes see what one does not. */
export function judgeHealthShot({ shot, missing, onWindows }: HealthShotFact): Judgement {
  if (missing.length > 0) {
    return fault(
      `not possible without ${missing.join(" and ")}${shot === undefined ? "" : `; by ${shot.path} instead`}`,
      `Install ${missing.map((program) => packageOf[program] ?? program).join(" and ")}.`,
    );
  }
  if (shot === undefined) return fault("no picture came", "See what the checks above say, and restart the session.");
  const taken = `by ${shot.path}, ${Math.ceil(shot.bytes / 1024)} KiB in ${Math.ceil(shot.durationMs)} ms`;
  if (shot.path !== INDEPENDENT) {
    return warning(
      `${taken}: ${INDEPENDENT} does not work here`,
      onWindows
        ? "Let the antivirus allow the program that it compiles in the temporary folder, if it may be allowed."
        : "See what `import -window root out.png` and `xrandr` say in this session.",
    );
  }
  if (shot.durationMs <= SLOW_SHOT_MS) return ok(taken);
  return warning(taken, "See what loads the machine: such a shot takes well under a second.");
}

const INDEPENDENT = "screenshot-desktop";

const packageOf: Readonly<Record<string, string>> = {
  import: "imagemagick (it has the program import)",
  xrandr: "x11-xserver-utils (it has the program xrandr)",
};

/** Titles are people's data: processes and numbers only. */
export interface WindowsFact {
  readonly count: number;
  readonly activeProcess: string | undefined;
}

export function judgeWindows({ count, activeProcess }: WindowsFact): Judgement {
  const active = activeProcess === undefined ? "none is active" : `active: ${activeProcess || "an unnamed process"}`;
  return ok(`${count} listed, ${active}`);
}

export interface ReadingFact {
  readonly expected: string;
  readonly read: string;
  readonly durationMs: number;
}

export function judgeReading({ expected, read, durationMs }: ReadingFact): Judgement {
  if (read.replaceAll(/\s+/g, " ").trim() === expected) return ok(`a sample text in ${Math.ceil(durationMs)} ms`);
  return fault(
    "a sample text was read wrongly",
    "Install the agent again: its reader or its language data is damaged.",
  );
}

const USUAL_DPI = 96;

export function judgeScaling(dpi: number): Judgement {
  if (dpi === 0) return ok("not told");
  const percent = Math.round((dpi / USUAL_DPI) * 100);
  if (percent === 100) return ok("100 %");
  return warning(
    `${percent} % (${dpi} dpi)`,
    "Set 100 % on all machines of the pool: pictures that were cut at another scaling are not found.",
  );
}
