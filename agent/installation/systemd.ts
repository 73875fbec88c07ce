// The agent as a systemd user unit: systemd starts it with the graphical session of the user and stops it with that, which
// is where the desktop is that it drives.

import { spawnSync } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import { NotInstalled, type Plan, type Step, shown } from "./installation.ts";

const UNIT = "drover-agent.service";
const TARGET = "graphical-session.target";

/**
 * KillMode=process: the applications that the agent started go on when it is stopped or started again, as they do when it
 * dies; what `exec` started is ended by the agent itself.
 */
export const unitText = ([program, ...args]: readonly [string, ...string[]]): string => `[Unit]
Description=Drover agent
PartOf=${TARGET}
After=${TARGET}
StartLimitIntervalSec=0

[Service]
ExecStart=${[programWord(program), ...args.map(argumentWord)].join(" ")}
Restart=always
RestartSec=5
KillMode=process

[Install]
WantedBy=${TARGET}
`;

/** By systemd.service(5), "Command lines": the program is taken without its variables replaced, and without these in it. */
function programWord(program: string): string {
  if (/["'\\\p{Cc}]/u.test(program)) {
    throw new NotInstalled(
      `systemd starts no program with a quote, a backslash or a control character in its path: ${JSON.stringify(program)}`,
    );
  }
  return quoted(program);
}

function argumentWord(word: string): string {
  if (/[\n\r\0]/.test(word)) throw new NotInstalled("a line feed cannot be a part of the agent's command");
  return quoted(word.replaceAll("$", "$$$$"));
}

/** In C's quotes where that is needed, with % doubled. */
function quoted(word: string): string {
  const plain = word.replaceAll("%", "%%");
  return /^[\w@%+=:,./$-]+$/.test(plain) ? plain : `"${plain.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

const unitFile = () => join(process.env["XDG_CONFIG_HOME"] || join(homedir(), ".config"), "systemd/user", UNIT);

const systemctl = (mayFail: boolean, ...words: string[]): Step => ({
  does: "run",
  command: ["systemctl", "--user", ...words],
  mayFail,
});

export function systemdPlan(command: readonly [string, ...string[]]): Plan {
  return {
    steps: [
      { does: "write", path: unitFile(), text: unitText(command), encoding: "utf8" },
      systemctl(false, "daemon-reload"),
      systemctl(false, "enable", UNIT),
      systemctl(false, "restart", UNIT),
    ],
    notes: [
      `It starts with ${TARGET}. GNOME and KDE have it; a session of a bare window manager`,
      `starts it with: systemctl --user import-environment DISPLAY XAUTHORITY; systemctl --user start ${UNIT}`,
      "See what it says: journalctl --user -u drover-agent",
    ],
  };
}

export function systemdRemoval(): Plan {
  return {
    steps: [
      systemctl(true, "disable", "--now", UNIT),
      { does: "remove", path: unitFile() },
      systemctl(true, "daemon-reload"),
    ],
    notes: [],
  };
}

/** Throws what to do where this user has no systemd. */
export function requireSystemd(command: readonly string[]): void {
  const { status } = spawnSync("systemctl", ["--user", "show-environment"], { stdio: "ignore" });
  if (status === 0) return;
  throw new NotInstalled(
    `this user has no systemd here; start this with the session instead, such as from ~/.config/autostart: ${shown(command)}`,
  );
}
