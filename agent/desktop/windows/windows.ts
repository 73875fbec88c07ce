// The top-level windows of a Windows desktop.
//
// 1. Nothing here asks a window's own program anything, so that no program that hangs holds the agent up.
// 2. A window's box is what lies within its frame: its client area and its menu bar. Title bar and borders are Windows' own,
//    differ with its version, theme and resolution, and are partly invisible, while a workflow's points are counted from
//    what the application draws, as on X11. The menu bar is the application's, and workflows look for its words.

import type { Box, DesktopWindow } from "../desktop.ts";
import { executableName } from "./processes.ts";
import { virtualScreen } from "./virtual-screen.ts";
import type { Handle, Win32 } from "./win32.ts";

export const ancestorRoot = 2;
export const relation = { owner: 4 };
const longStyle = -16;
const longExtendedStyle = -20;
const styleChild = 0x40000000;
const stylePopup = 0x80000000;
const styleTopmost = 0x8;
const styleToolWindow = 0x80;
const styleAppWindow = 0x40000;
const attributeCloaked = 14;
const titleUnitsMax = 1024;
const classUnitsMax = 257;
const dialogClass = "#32770";

/** Window handles, the topmost first. */
export function topLevelWindows(win32: Win32): Handle[] {
  const windows: Handle[] = [];
  win32.EnumWindows((window) => {
    windows.push(window);
    return 1;
  }, 0);
  return windows;
}

/** What a person would call a window, minimised or not: no menu, no tooltip, no taskbar, nothing hidden or cloaked. */
export function isListed(win32: Win32, window: Handle): boolean {
  if (win32.IsWindowVisible(window) === 0 || isBackground(win32, window) || isCloaked(win32, window)) return false;
  if ((win32.GetWindowLongW(window, longStyle) & styleChild) !== 0) return false;
  const extended = win32.GetWindowLongW(window, longExtendedStyle);
  if ((extended & styleAppWindow) !== 0) return true;
  return (extended & styleToolWindow) === 0 ? !isMenu(win32, window) : titleOf(win32, window) !== "";
}

/** It is above every window that is not so, whichever has the foreground. */
export function staysOnTop(win32: Win32, window: Handle): boolean {
  return (win32.GetWindowLongW(window, longExtendedStyle) & styleTopmost) !== 0;
}

/** The desktop itself: its own window, and the shell's with the icons. */
export function isBackground(win32: Win32, window: Handle): boolean {
  return (
    window === win32.GetDesktopWindow() || window === win32.GetShellWindow() || backgrounds.has(classOf(win32, window))
  );
}

/** With wallpapers that change, the icons are in a window of the second class. */
const backgrounds: ReadonlySet<string> = new Set(["Progman", "WorkerW"]);
const menus: ReadonlySet<string> = new Set(["#32768", "ComboLBox", "tooltips_class32", "SysShadow", "IME"]);

const isMenu = (win32: Win32, window: Handle): boolean => menus.has(classOf(win32, window));

/** On another virtual desktop, or a suspended store application: there, and not shown. */
function isCloaked(win32: Win32, window: Handle): boolean {
  const cloaked = Buffer.alloc(4);
  return win32.DwmGetWindowAttribute(window, attributeCloaked, cloaked, 4) === 0 && cloaked.readUInt32LE(0) !== 0;
}

/** Everything a caller may know of a window; undefined if it is gone. */
export function describe(win32: Win32, window: Handle): DesktopWindow | undefined {
  const pids: (number | null)[] = [0];
  if (window === 0 || win32.GetWindowThreadProcessId(window, pids) === 0) return undefined;
  const pid = pids[0] ?? 0;
  const owner = win32.GetWindow(window, relation.owner);
  const className = classOf(win32, window);
  const popup = (win32.GetWindowLongW(window, longStyle) & stylePopup) !== 0;
  return {
    id: `0x${(window >>> 0).toString(16)}`,
    title: titleOf(win32, window),
    className,
    pid,
    process: executableName(win32, pid),
    box: boxOf(win32, window),
    modal: owner !== 0 && win32.IsWindowEnabled(owner) === 0,
    dialog: className === dialogClass || (popup && owner !== 0),
  };
}

export function listWindows(win32: Win32): DesktopWindow[] {
  const listed = topLevelWindows(win32).filter((window) => isListed(win32, window));
  return listed.reverse().flatMap((window) => describe(win32, window) ?? []);
}

function titleOf(win32: Win32, window: Handle): string {
  const units = new Uint16Array(titleUnitsMax);
  return text(units, win32.InternalGetWindowText(window, units, titleUnitsMax));
}

function classOf(win32: Win32, window: Handle): string {
  const units = new Uint16Array(classUnitsMax);
  return text(units, win32.GetClassNameW(window, units, classUnitsMax));
}

const text = (units: Uint16Array, length: number): string =>
  Buffer.from(units.buffer, 0, Math.max(0, length) * 2).toString("utf16le");

/** A minimised window shows nothing, and for a moment longer one that is shown again. */
export function hasExtent(win32: Win32, window: Handle): boolean {
  const client = Buffer.alloc(16);
  if (win32.IsIconic(window) !== 0 || win32.GetClientRect(window, client) === 0) return false;
  return client.readInt32LE(8) > 0 && client.readInt32LE(12) > 0;
}

function boxOf(win32: Win32, window: Handle): Box {
  const client = Buffer.alloc(16);
  const origin = Buffer.alloc(8);
  const nowhere = { x: 0, y: 0, width: 0, height: 0 };
  if (!hasExtent(win32, window) || win32.GetClientRect(window, client) === 0) return nowhere;
  if (win32.ClientToScreen(window, origin) === 0) return nowhere;
  const screen = virtualScreen(win32);
  const left = origin.readInt32LE(0);
  const top = origin.readInt32LE(4);
  const above = top - Math.min(top, menuTop(win32, window));
  const [width, height] = [client.readInt32LE(8), client.readInt32LE(12) + above];
  return { x: left - screen.x, y: top - above - screen.y, width, height };
}

/** Where a menu bar would begin: below the frame that Windows gives to a window of this style. */
function menuTop(win32: Win32, window: Handle): number {
  const outside = Buffer.alloc(16);
  const frame = Buffer.alloc(16);
  const styles = [longStyle, longExtendedStyle].map((index) => win32.GetWindowLongW(window, index) >>> 0);
  const [style = 0, extended = 0] = styles;
  const told =
    win32.GetWindowRect(window, outside) !== 0 &&
    win32.AdjustWindowRectExForDpi(frame, style, 0, extended, win32.GetDpiForWindow(window)) !== 0;
  return told ? outside.readInt32LE(4) - frame.readInt32LE(4) : Number.POSITIVE_INFINITY;
}

/** The handle behind a `DesktopWindow`'s id; throws if this desktop never gave it out. */
export function windowHandle(window: DesktopWindow): Handle {
  const number = /^0x[0-9a-f]{1,8}$/.test(window.id) ? Number(window.id) : 0;
  if (number === 0) throw new Error("the id of the window is not one of a Windows desktop");
  return number | 0;
}
