// A real X11 desktop for tests: its own X server and window manager, mousepad to edit and zenity to interrupt.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { Connection } from "../../../agent/desktop/x11/connection.ts";
import { openX11Desktop } from "../../../agent/desktop/x11.ts";
import { startX11Session, type X11Session } from "../../../agent/desktop/x11-session.ts";
import { type DesktopUnderTest, type Prompt, windowTitled } from "./contract.ts";
import { gate } from "./gates.ts";
import { until } from "./until.ts";

export interface X11Rig extends DesktopUnderTest {
  readonly session: X11Session;
}

export async function openX11Rig(): Promise<X11Rig> {
  // So that what a test leaves running is found.
  const run = process.env["DROVER_TEST_RUN"];
  const session = await startX11Session(run === undefined ? {} : { env: { DROVER_TEST_RUN: run } });
  const desktop = await openX11Desktop({ display: session.display, env: session.env });
  const other = new Connection(session.display);
  let moves = 0;
  let prompts = 0;

  async function raisePrompt(): Promise<Prompt> {
    const title = `prompt ${++prompts}`;
    const args = ["--entry", `--title=${title}`, "--text=Something came up"];
    const child = spawn("zenity", args, { env: session.env, stdio: ["ignore", "pipe", "ignore"] });
    const answer = text(child.stdout);
    const ended = once(child, "exit");
    const shown = () => desktop.windows().then((all) => all.find((window) => window.title === title));
    const window = await until("the prompt is shown", shown);
    // The window manager may refuse the focus to a window that comes up while a person types; a click gives it.
    await until("the prompt has the focus", () => desktop.focus(window, 100));
    return {
      title,
      async entered() {
        if (!(await desktop.focus(window, 5_000))) throw new Error("the prompt cannot be focused");
        await desktop.press("enter", gate());
        await ended;
        return (await answer).replace(/\n$/, "");
      },
    };
  }

  async function save(file: string, title: string): Promise<string> {
    const changed = async () => (await windowTitled(desktop, title))?.title.startsWith("*");
    await until("the editor shows that the text is changed", changed);
    await desktop.press("ctrl+s", gate());
    await until("the editor shows that it saved", async () => (await changed()) === false);
    return readFileSync(file, "utf8");
  }

  return {
    session,
    desktop,
    dir: session.dir,
    editor: {
      process: "mousepad",
      command: (file) => ["mousepad", "--disable-server", file],
      fileOf: (text) => text,
      save,
      selectsWithWord: "",
    },
    textPoint: ({ box }) => ({ x: box.x + 90, y: box.y + Math.round(box.height / 2) }),
    raisePrompt,
    nothingGetsBetween: true,
    suspend: (pid) => void process.kill(pid, "SIGSTOP"),
    resume: (pid) => void process.kill(pid, "SIGCONT"),
    endProcess(pid) {
      try {
        process.kill(-pid, "SIGKILL");
      } catch {
        // it ended by itself
      }
    },
    movePointerAsAnother() {
      other.x.XTestFakeMotionEvent(other.display, -1, 5 + (moves++ % 2), 5, 0);
      other.answered();
    },
    async stop() {
      other.close();
      await desktop.stop();
      await session.stop();
    },
  };
}
