// The processes of this session, and starting new ones.

import type { DesktopProcess } from "../desktop.ts";
import type { Handle, Win32 } from "./win32.ts";

const queryLimitedInformation = 0x1000;
const snapshotOfProcesses = 2;
const noSnapshot = -1;
const pathUnitsMax = 32_768;
/** PROCESSENTRY32W: DWORD size at 0, pid at 8, the executable's name (260 units) at 44. */
const entryBytes = 568;
/** PROCESS_MEMORY_COUNTERS: WorkingSetSize at 16. */
const countersBytes = 72;

/**
 * The file name of a process's executable, for example `notepad.exe`; empty when there is no such process. Windows does
 * not tell file names that differ in case apart, and says them as whoever started the program did: here they are lower-case.
 */
export function executableName(win32: Win32, pid: number): string {
  if (pid <= 0) return "";
  const process = win32.OpenProcess(queryLimitedInformation, 0, pid);
  if (process === 0) return nameInSnapshot(win32, pid);
  try {
    return pathOf(win32, process).replace(/^.*\\/, "").toLowerCase();
  } finally {
    win32.CloseHandle(process);
  }
}

function pathOf(win32: Win32, process: Handle): string {
  const path = new Uint16Array(pathUnitsMax);
  const units = new Uint32Array([pathUnitsMax]);
  if (win32.QueryFullProcessImageNameW(process, 0, path, units) === 0) return "";
  return Buffer.from(path.buffer, 0, (units[0] ?? 0) * 2).toString("utf16le");
}

/** For a process that may not be opened: every process is in the snapshot. */
function nameInSnapshot(win32: Win32, pid: number): string {
  return snapshot(win32).find((entry) => entry.pid === pid)?.name ?? "";
}

function snapshot(win32: Win32): { pid: number; name: string }[] {
  const handle = win32.CreateToolhelp32Snapshot(snapshotOfProcesses, 0);
  if (handle === noSnapshot) throw new Error("Windows does not tell the processes");
  const found: { pid: number; name: string }[] = [];
  const entry = Buffer.alloc(entryBytes);
  entry.writeUInt32LE(entryBytes, 0);
  try {
    for (let more = win32.Process32FirstW(handle, entry); more !== 0; more = win32.Process32NextW(handle, entry)) {
      const name = entry.toString("utf16le", 44, 44 + 520);
      found.push({ pid: entry.readUInt32LE(8), name: name.slice(0, name.indexOf("\0")).toLowerCase() });
    }
  } finally {
    win32.CloseHandle(handle);
  }
  return found;
}

/** Those of this session: another session of the same Windows is another machine. */
export function listProcesses(win32: Win32): DesktopProcess[] {
  const own = sessionOf(win32, win32.GetCurrentProcessId());
  return snapshot(win32)
    .filter(({ pid }) => sessionOf(win32, pid) === own)
    .map(({ pid, name }) => ({ pid, name, memoryBytes: workingSetBytes(win32, pid) }));
}

/** Undefined when the process is gone. */
export function sessionOf(win32: Win32, pid: number): number | undefined {
  const session: (number | null)[] = [0];
  return win32.ProcessIdToSessionId(pid, session) === 0 ? undefined : (session[0] ?? 0);
}

/** 0 for a process that may not be opened. */
function workingSetBytes(win32: Win32, pid: number): number {
  const process = win32.OpenProcess(queryLimitedInformation, 0, pid);
  if (process === 0) return 0;
  try {
    const counters = Buffer.alloc(countersBytes);
    counters.writeUInt32LE(countersBytes, 0);
    const told = win32.K32GetProcessMemoryInfo(process, counters, countersBytes) !== 0;
    return told ? Number(counters.readBigUInt64LE(16)) : 0;
  } finally {
    win32.CloseHandle(process);
  }
}
