// One machine of the demo: a desktop session of its own (Xvfb, openbox, HOME, TMPDIR) and an agent under its supervisor.

import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { startX11Session } from "../../agent/desktop/x11-session.ts";
import { startChild } from "./child.ts";
import { type Guard, markOf } from "./guarded.ts";

/** Tells whether a note was saved, for a run that was cut off while it saved it. */
const noteIs = `note-is=${resolve(import.meta.dirname, "../note-is.sh")}`;

export interface MachinePlan {
  readonly name: string;
  /** The demo's folder. */
  readonly root: string;
  readonly agentUrl: string;
  readonly tokenFile: string;
  readonly guard: Guard;
  /** Told how to end what has begun, as soon as it has begun. */
  onStop(stop: () => Promise<void>): void;
}

/** Where a desktop session keeps its files, and how the guard and the tests find its processes. */
export function sessionWithin(root: string): { readonly within: string; readonly env: Record<string, string> } {
  const testRun = process.env["DROVER_TEST_RUN"];
  return { within: root, env: { ...markOf(root), ...(testRun !== undefined && { DROVER_TEST_RUN: testRun }) } };
}

/** How the desktops look: the pictures that workflows search for were taken so. Real fleets fix this in their image. */
const gtkSettings = `[Settings]
gtk-theme-name=Adwaita
gtk-font-name=DejaVu Sans 10
gtk-enable-animations=0
`;

export async function startMachine(plan: MachinePlan & { readonly applications: readonly string[] }): Promise<void> {
  const { name, root, agentUrl, guard, onStop } = plan;
  const session = await startX11Session(sessionWithin(root));
  onStop(() => session.stop());
  const { HOME: home = session.dir } = session.env;
  mkdirSync(join(home, ".config", "gtk-3.0"), { recursive: true });
  writeFileSync(join(home, ".config", "gtk-3.0", "settings.ini"), gtkSettings);

  const state = join(root, name);
  const where = ["--server", agentUrl, "--state", state];
  const child = { env: session.env, cwd: home, logFile: join(root, `${name}.log`), guard };
  const enrolling = startChild({
    ...child,
    args: ["agent", "enrol", ...where, "--token-file", plan.tokenFile, "--name", name],
  });
  const { code, lastWords } = await enrolling.ended;
  if (code !== 0) throw new Error(`${name} could not be enrolled:\n${lastWords}`);
  const offers = plan.applications.flatMap((application) => ["--application", application]);
  const agent = startChild({
    ...child,
    args: ["agent", "run", ...where, ...offers, "--allow-exec", noteIs, "--log-json"],
  });
  onStop(() => agent.stop());
}
