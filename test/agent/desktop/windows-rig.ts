// A real Windows desktop for tests, from within: the tests run in a Windows process on it. Wine's notepad edits, and a copy
// of it under another name interrupts.

import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import koffi from "koffi";
import type { DesktopWindow } from "../../../agent/desktop/desktop.ts";
import { mouseInput } from "../../../agent/desktop/windows/pointer.ts";
import { openWindowsDesktop } from "../../../agent/desktop/windows.ts";
import type { DesktopUnderTest, Prompt } from "./contract.ts";
import { gate } from "./gates.ts";
import { until } from "./until.ts";

/** Without this mark Wine's notepad saves in the code page of the machine. */
const mark = "\ufeff";
const promptProgram = "prompt.exe";
const getText = 0xd;
const textUnitsMax = 4096;
const suspendResume = 0x800;

export interface WindowsRig extends DesktopUnderTest {
  /** The text of a window's entry field, asked of the field itself. */
  textOf(window: DesktopWindow): string;
}

export async function openWindowsRig(): Promise<WindowsRig> {
  const dir = mkdtempSync(join(tmpdir(), "drover-windows-"));
  const desktop = await openWindowsDesktop();
  const system = join(process.env["SystemRoot"] ?? "C:\\windows", "system32");
  copyFileSync(join(system, "notepad.exe"), join(dir, promptProgram));
  const controls = controlsOfWindows();

  async function raisePrompt(): Promise<Prompt> {
    const pid = await desktop.launch([join(dir, promptProgram)], { cwd: dir });
    const shown = () => desktop.windows().then((all) => all.find((window) => window.pid === pid));
    const window = await until("the prompt is shown", shown);
    await until("the prompt has the focus", () => desktop.focus(window, 100));
    return {
      title: window.title,
      async entered() {
        const entered = controls.textOf(window);
        process.kill(pid);
        await until("the prompt is gone", async () => (await shown()) === undefined);
        return entered;
      },
    };
  }

  async function save(file: string): Promise<string> {
    // Notepad has the file for itself until it is written to its end.
    rmSync(file);
    await desktop.press("ctrl+s", gate());
    const written = await until("the editor has saved", () => readable(file));
    if (!written.startsWith(mark)) throw new Error("the file has lost its mark");
    if (/(?<!\r)\n/.test(written)) throw new Error("the file has line ends that are not Windows'");
    return written.slice(mark.length).replaceAll("\r\n", "\n");
  }

  return {
    desktop,
    dir,
    editor: {
      process: "notepad.exe",
      command: (file) => ["notepad.exe", file],
      fileOf: (text) => mark + text.replaceAll("\n", "\r\n"),
      save,
      selectsWithWord: " ",
    },
    textPoint: ({ box }) => ({ x: box.x + 90, y: box.y + Math.round(box.height / 2) }),
    textOf: controls.textOf,
    raisePrompt,
    nothingGetsBetween: false,
    suspend: (pid) => controls.suspend(pid),
    resume: (pid) => controls.resume(pid),
    endProcess(pid) {
      try {
        process.kill(pid);
      } catch {
        // it ended by itself
      }
    },
    movePointerAsAnother: controls.movePointer,
    async stop() {
      await desktop.stop();
      rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

function readable(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8") || undefined;
  } catch {
    return undefined;
  }
}

/** What a desktop has no use for, and its tests have. */
function controlsOfWindows() {
  const user32 = koffi.load("user32.dll");
  const kernel32 = koffi.load("kernel32.dll");
  const ntdll = koffi.load("ntdll.dll");
  const send = user32.func("uint32_t SendInput(uint32_t, const void *, int)");
  const findChild = user32.func("intptr_t FindWindowExW(intptr_t, intptr_t, str16, str16)");
  const ask = user32.func("intptr_t SendMessageW(intptr_t, uint32_t, uintptr_t, _Out_ uint16_t *)");
  const open = kernel32.func("intptr_t OpenProcess(uint32_t, int, uint32_t)");
  const close = kernel32.func("int CloseHandle(intptr_t)");
  const onProcess = (change: (handle: number) => number) => (pid: number) => {
    const handle = open(suspendResume, 0, pid) as number;
    if (handle === 0 || change(handle) !== 0) throw new Error("the process could not be stopped or set going");
    close(handle);
  };
  return {
    textOf(window: DesktopWindow): string {
      const field = findChild(Number(window.id), 0, "Edit", null) as number;
      if (field === 0) throw new Error("the window has no entry field");
      const units = new Uint16Array(textUnitsMax);
      const length = ask(field, getText, textUnitsMax, units) as number;
      return Buffer.from(units.buffer, 0, length * 2).toString("utf16le");
    },
    movePointer: () => void send(1, mouseInput(1, 0, { x: 5, y: 0 }), 40),
    suspend: onProcess(ntdll.func("int32_t NtSuspendProcess(intptr_t)") as (handle: number) => number),
    resume: onProcess(ntdll.func("int32_t NtResumeProcess(intptr_t)") as (handle: number) => number),
  };
}
