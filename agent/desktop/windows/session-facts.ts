// What Windows says of the session that the agent runs in: for `surface.ts` to judge, and for a diagnosis to tell.

import koffi from "koffi";
import { sessionOf } from "./processes.ts";
import type { SessionFacts } from "./surface.ts";
import type { Address, Handle, Win32 } from "./win32.ts";

const thisServer = 0;
const about = { connectState: 8, protocol: 16, sessionEx: 25 };
/** WTS_CONNECTSTATE_CLASS. */
const state = { active: 0, disconnected: 4 };
/** WTSINFOEX: DWORD level at 0, session id at 8, its state at 12, flags at 16. */
const flagsAt = 16;
/** Windows 7 has these two the wrong way round; the agent's Node does not run there. */
const lockFlag = { locked: 0, unlocked: 1 };
const readObjects = 1;
const objectFlags = 1;
const objectName = 2;
const stationVisible = 1;
const nameBytesMax = 512;

export function readSessionFacts(win32: Win32): SessionFacts {
  const session = sessionOf(win32, win32.GetCurrentProcessId());
  return {
    session: session ?? "unknown",
    station: stationOf(win32),
    ...(session === undefined ? nothingKnown : sessionState(win32, session)),
    inputDesktop: inputDesktopOf(win32),
  };
}

const nothingKnown = { connection: "unknown", lock: "unknown", seenBy: "unknown" } as const;

function sessionState(win32: Win32, session: number): Pick<SessionFacts, "connection" | "lock" | "seenBy"> {
  const connected = askSession(win32, session, about.connectState, 4, (at) => koffi.decode(at, 0, "int32") as number);
  const flags = askSession(
    win32,
    session,
    about.sessionEx,
    flagsAt + 4,
    (at) => koffi.decode(at, flagsAt, "int32") as number,
  );
  const protocol = askSession(win32, session, about.protocol, 2, (at) => koffi.decode(at, 0, "uint16") as number);
  return {
    connection: connected === state.active ? "active" : connected === state.disconnected ? "disconnected" : "unknown",
    lock: flags === lockFlag.locked ? "locked" : flags === lockFlag.unlocked ? "unlocked" : "unknown",
    seenBy: protocol === 0 ? "console" : protocol === 2 ? "rdp" : "unknown",
  };
}

function askSession(
  win32: Win32,
  session: number,
  which: number,
  bytesMin: number,
  read: (at: Address) => number,
): number | undefined {
  const answer: (Address | null)[] = [null];
  const bytes: (number | null)[] = [0];
  if (win32.WTSQuerySessionInformationW(thisServer, session, which, answer, bytes) === 0) return undefined;
  const at = answer[0] ?? null;
  if (at === null) return undefined;
  try {
    return (bytes[0] ?? 0) >= bytesMin ? read(at) : undefined;
  } finally {
    win32.WTSFreeMemory(at);
  }
}

function stationOf(win32: Win32): SessionFacts["station"] {
  // USEROBJECTFLAGS: two BOOLs, then the flags.
  const info = Buffer.alloc(12);
  const told = win32.GetUserObjectInformationW(win32.GetProcessWindowStation(), objectFlags, info, info.length, [0]);
  if (told === 0) return "unknown";
  return (info.readUInt32LE(8) & stationVisible) === 0 ? "invisible" : "visible";
}

function inputDesktopOf(win32: Win32): SessionFacts["inputDesktop"] {
  const desktop = win32.OpenInputDesktop(0, 0, readObjects);
  if (desktop === 0) return "denied";
  try {
    const name = nameOf(win32, desktop);
    return name === "default" ? name : name === "screen-saver" ? name : "other";
  } finally {
    win32.CloseDesktop(desktop);
  }
}

function nameOf(win32: Win32, desktop: Handle): string {
  const name = Buffer.alloc(nameBytesMax);
  const bytes: (number | null)[] = [0];
  if (win32.GetUserObjectInformationW(desktop, objectName, name, name.length, bytes) === 0) return "";
  return name.toString("utf16le", 0, Math.max(0, (bytes[0] ?? 0) - 2)).toLowerCase();
}
