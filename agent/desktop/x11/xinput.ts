// Raw input events (XInput 2): every key, button and move that reaches the X server, with the device that it came from.
//
// The library is loaded apart from Xlib and may be missing, and a server may be too old: such a desktop can be driven, it
// only does not tell of people. Before XInput 2.1 a server hides raw events while a program has grabbed the device.

import koffi from "koffi";
import type { Connection, XEvent } from "./connection.ts";
import type { Pointer } from "./xlib.ts";

export type RawKind = "key" | "button" | "motion" | "touch";

/** One raw event: a press or a move. Releases are not asked for. */
export interface RawInput {
  readonly kind: RawKind;
  /** The keycode or the number of the button; 0 for a move. */
  readonly detail: number;
  /** Number of the device. */
  readonly source: number;
}

/** XI_RawKeyPress and so on. */
const kinds = new Map<number, RawKind>([
  [13, "key"],
  [15, "button"],
  [17, "motion"],
  [22, "touch"],
  [23, "touch"],
]);
const versionWanted = { major: 2, minor: 2 };
const minorMin = 1;
const allMasterDevices = 1;
const genericEvent = 35;
/** XIDeviceInfo: the name's address at 8. */
const nameAt = 8;

interface XInputLibrary {
  XIQueryVersion(display: Pointer, major: number[], minor: number[]): number;
  XISelectEvents(display: Pointer, window: number, mask: object, count: number): number;
  XIQueryDevice(display: Pointer, device: number, count: (number | null)[]): Pointer | null;
  XIFreeDeviceInfo(devices: Pointer): void;
}

let loaded: XInputLibrary | "missing" | undefined;

function loadXInput(): XInputLibrary | "missing" {
  loaded ??= load();
  return loaded;
}

function load(): XInputLibrary | "missing" {
  let library: ReturnType<typeof koffi.load>;
  try {
    library = koffi.load("libXi.so.6");
  } catch {
    return "missing";
  }
  koffi.struct("DroverXIEventMask", { device: "int", bytes: "int", mask: "const uint8_t *" });
  return {
    XIQueryVersion: library.func("int XIQueryVersion(void *, _Inout_ int *, _Inout_ int *)"),
    XISelectEvents: library.func("int XISelectEvents(void *, unsigned long, const DroverXIEventMask *, int)"),
    XIQueryDevice: library.func("void *XIQueryDevice(void *, int, _Out_ int *)"),
    XIFreeDeviceInfo: library.func("void XIFreeDeviceInfo(void *)"),
  } as XInputLibrary;
}

/** The raw input of one X server, for one connection. */
export class RawInputs {
  readonly #connection: Connection;
  readonly #library: XInputLibrary;
  readonly #opcode: number;
  readonly #byXTest = new Map<number, boolean>();

  /** Undefined if it cannot be had. From then on the connection hears of all input. */
  static on(connection: Connection): RawInputs | undefined {
    const { x, display, root } = connection;
    const opcode: (number | null)[] = [0];
    const library = loadXInput();
    if (library === "missing" || x.XQueryExtension(display, "XInputExtension", opcode, [0], [0]) === 0)
      return undefined;
    const major = [versionWanted.major];
    const minor = [versionWanted.minor];
    if (library.XIQueryVersion(display, major, minor) !== 0 || (minor[0] ?? 0) < minorMin) return undefined;
    const mask = Buffer.alloc(4);
    for (const kind of kinds.keys()) mask.writeUInt8(mask.readUInt8(kind >> 3) | (1 << (kind & 7)), kind >> 3);
    library.XISelectEvents(display, root, { device: allMasterDevices, bytes: mask.length, mask }, 1);
    x.XSync(display, 0);
    return new RawInputs(connection, library, opcode[0] ?? 0);
  }

  private constructor(connection: Connection, library: XInputLibrary, opcode: number) {
    this.#connection = connection;
    this.#library = library;
    this.#opcode = opcode;
  }

  /** What the event tells, if it is one of these (XIRawEvent: opcode at 32, kind at 36, source at 52, detail at 56). */
  read(event: XEvent): RawInput | undefined {
    if (event.readInt32LE(0) !== genericEvent || event.readInt32LE(32) !== this.#opcode) return undefined;
    const kind = kinds.get(event.readInt32LE(36));
    return kind && { kind, detail: event.readInt32LE(56), source: event.readInt32LE(52) };
  }

  /** Whether the device is one of those that the server has for programs (XTest), and no real one. */
  isXTest(device: number): boolean {
    const known = this.#byXTest.get(device) ?? / XTEST (pointer|keyboard)$/.test(this.#nameOf(device));
    this.#byXTest.set(device, known);
    return known;
  }

  #nameOf(device: number): string {
    const found = this.#library.XIQueryDevice(this.#connection.display, device, [0]);
    if (found === null) return "";
    try {
      return koffi.decode(found, nameAt, "const char *") as string;
    } finally {
      this.#library.XIFreeDeviceInfo(found);
    }
  }
}
