// The agent as a scheduled task of Windows: started when its user logs on, in the session that this user sees. A service
// would be in session 0, which has no desktop that anybody sees.

import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { quoted } from "../host/windows/command-line.ts";
import { NotInstalled, type Plan, type Step } from "./installation.ts";

const TASK = "drover-agent";

const schtasks = (mayFail: boolean, ...words: string[]): Step => ({
  does: "run",
  command: ["schtasks.exe", ...words],
  mayFail,
});

/**
 * Highest rights that the user can have without being asked; again a minute after a failure, without end; no limit of time;
 * on battery too; priority 5 and not a task's usual 7, which would make the agent and all that it starts slow.
 */
export const taskXml = (command: readonly [string, ...string[]], user: string): string => {
  const [program, ...args] = command;
  const line = args.map(quoted).join(" ");
  for (const text of [program, line]) requireMeant(text);
  return `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>Drives this desktop for a Drover control plane.</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>${escaped(user)}</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>${escaped(user)}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>HighestAvailable</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <AllowHardTerminate>true</AllowHardTerminate>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <AllowStartOnDemand>true</AllowStartOnDemand>
    <Enabled>true</Enabled>
    <Hidden>false</Hidden>
    <RunOnlyIfIdle>false</RunOnlyIfIdle>
    <WakeToRun>false</WakeToRun>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>5</Priority>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>999</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>${escaped(program)}</Command>
      <Arguments>${escaped(line)}</Arguments>
    </Exec>
  </Actions>
</Task>
`;
};

/** The scheduler replaces variables in the program and in its arguments, and has no way to say that none is meant. */
function requireMeant(text: string): void {
  if (/%[^%]+%/.test(text)) throw new NotInstalled('Windows would replace what stands between two "%" in the command');
  if (text.includes("$(")) throw new NotInstalled('Windows would replace what "$(" begins in the command');
  if (/[\p{Cc}\p{Cs}\ufffe\uffff]/u.test(text)) {
    throw new NotInstalled("a line feed or another control character cannot be a part of the agent's command");
  }
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (character) => entities[character] ?? character);

export function taskPlan(command: readonly [string, ...string[]]): Plan {
  const domain = process.env["USERDOMAIN"] ?? "";
  const { username } = userInfo();
  const path = join(tmpdir(), `drover-agent-task-${process.pid}.xml`);
  const text = taskXml(command, domain === "" ? username : `${domain}\\${username}`).replaceAll("\n", "\r\n");
  return {
    steps: [
      { does: "write", path, text, encoding: "utf16le" },
      schtasks(true, "/end", "/tn", TASK),
      schtasks(false, "/create", "/tn", TASK, "/xml", path, "/f"),
      { does: "remove", path },
      schtasks(false, "/run", "/tn", TASK),
    ],
    notes: [
      "It starts whenever this user logs on: let the user log on automatically at the console.",
      "It is a task and no service, because a service (session 0) has no desktop.",
    ],
  };
}

export function taskRemoval(): Plan {
  return {
    steps: [schtasks(true, "/end", "/tn", TASK), schtasks(true, "/delete", "/tn", TASK, "/f")],
    notes: [],
  };
}
