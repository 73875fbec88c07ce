// A Windows desktop of its own for demo machines and tests: Wine with a prefix of its own, in one window that fills an X
// session of its own (see `x11-session.ts`). The agent does not know Wine: to it this is Windows 10.
//
// 1. All programs of a prefix share one Windows desktop of the size of the screen, so that Windows' own rules decide which
//    window is active, and not an X window manager's.
// 2. A prefix takes 0.7 GB and some seconds. `makeWinePrefix` makes one, and sessions get copies of hard links.
// 3. `stop()` ends every process of the prefix and removes the folders.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { startX11Session, type X11Session, type X11SessionOptions } from "./x11-session.ts";

export interface WineSession extends X11Session {
  /** The folder that Windows calls `C:` is `drive_c` in it. The whole file system is `Z:`. */
  readonly prefix: string;
}

export interface WineSessionOptions extends X11SessionOptions {
  /** A prefix made by `makeWinePrefix`. The session's copy of it lies beside it. */
  readonly template: string;
}

const settings = [
  // Node refuses to start on the Windows 7 that Wine says to be by default.
  ["HKCU\\Software\\Wine", "Version", "win10"],
  // Its name is kept where the version is not, and stays that of Windows 7.
  ["HKLM\\Software\\Microsoft\\Windows NT\\CurrentVersion", "ProductName", "Windows 10 (Wine)"],
  ["HKCU\\Software\\Wine\\Explorer", "Desktop", "Default"],
] as const;

/** Where Debian's package fonts-wine is. Wine itself looks only into its own folder, and draws a 0 for "minimize" without. */
const fonts = "/usr/share/wine/fonts";

/** Windows' way to write a path of this system. */
export const winePath = (path: string): string => `Z:${path.replaceAll("/", "\\")}`;

/** What Wine needs to be told in the environment. */
function wineEnvironment(prefix: string): Record<string, string> {
  const quiet = { WINEDEBUG: "-all", WINEDLLOVERRIDES: "mscoree,mshtml=;winemenubuilder.exe=" };
  return { ...quiet, WINEPREFIX: prefix, WINEARCH: "win64" };
}

/** Makes a prefix in a folder that does not exist yet; needs the program `wine` and an X session of its own for a moment. */
export async function makeWinePrefix(prefix: string, options: X11SessionOptions = {}): Promise<void> {
  const session = await startX11Session(options);
  const unfinished = `${prefix}.unfinished`;
  const env = { ...session.env, ...wineEnvironment(unfinished) };
  try {
    rmSync(unfinished, { recursive: true, force: true });
    await finished("wine", ["wineboot", "-i"], env);
    for (const [key, name, value] of settings) {
      await finished("wine", ["reg", "add", key, "/v", name, "/d", value, "/f"], env);
    }
    await finished("wineserver", ["-k", "-w"], env);
    makeWhole(join(unfinished, "drive_c"));
    renameSync(unfinished, prefix);
  } finally {
    await finished("wineserver", ["-k"], env).catch(() => {});
    await session.stop();
  }
}

function makeWhole(drive: string): void {
  if (existsSync(fonts)) {
    for (const name of readdirSync(fonts)) symlinkSync(join(fonts, name), join(drive, "windows", "Fonts", name));
  }
  // Wine makes Desktop, Documents and their like links to the home directory, which is that of a session that ends now. A
  // file dialog that finds no such folder does not work.
  const users = join(drive, "users");
  for (const user of readdirSync(users)) {
    const folders = readdirSync(join(users, user), { withFileTypes: true });
    for (const { name } of folders.filter((entry) => entry.isSymbolicLink())) {
      rmSync(join(users, user, name));
      mkdirSync(join(users, user, name));
    }
  }
}

export async function startWineSession(options: WineSessionOptions): Promise<WineSession> {
  const { width = 1280, height = 800, template } = options;
  const session = await startX11Session(options);
  const prefix = join(template, "..", `wine-${basename(session.dir)}`);
  const env = { ...session.env, ...wineEnvironment(prefix) };
  const stop = async () => {
    await finished("wineserver", ["-k", "-w"], env).catch(() => {});
    await session.stop();
    rmSync(prefix, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  try {
    await finished("cp", ["-al", template, prefix], env);
    // The registry is the session's own from the start.
    for (const file of readdirSync(prefix).filter((name) => name.endsWith(".reg"))) {
      rmSync(join(prefix, file));
      copyFileSync(join(template, file), join(prefix, file));
    }
    const size = ["reg", "add", "HKCU\\Software\\Wine\\Explorer\\Desktops", "/v", "Default", "/f"];
    await finished("wine", [...size, "/d", `${width}x${height}`], env);
    return { ...session, env, prefix, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function finished(program: string, args: readonly string[], env: Record<string, string>): Promise<void> {
  const child = spawn(program, args, { env, stdio: "ignore" });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`${program} ${args.slice(0, 2).join(" ")} ended with ${code}: is Wine installed?`);
}
