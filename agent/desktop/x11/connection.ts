// One connection to an X server: errors that do not kill the process, atoms, properties, and the queue of events.
//
// 1. An X error (a window that vanished between two questions) is normal: the call answers "nothing", no more.
// 2. A lost server never ends the process: from then on every use of the connection throws `DesktopLost`.

import koffi from "koffi";
import { DesktopLost, watchForLoss } from "./server-loss.ts";
import { loadXlib, type Pointer, type XId, type Xlib } from "./xlib.ts";

/** An event as Xlib wrote it, read by offset: 192 bytes; of an extension's event what is the same for all its kinds. */
export type XEvent = Buffer;

const eventBytes = 192;
const genericEvent = 35;
/** Of an XGenericEventCookie: where its data are, and how much of them is read. */
const genericData = { at: 48, bytes: 64 };
const propertyWordsMax = 1 << 18;
const attributesBytes = 136;

export class Connection {
  readonly x: Xlib;
  readonly display: Pointer;
  readonly name: string;
  readonly root: XId;
  readonly #unwatch: () => void;
  #lost = false;
  #closed = false;
  #atoms = new Map<string, XId>();
  #listeners: ((event: XEvent) => void)[] = [];

  constructor(name: string) {
    this.x = loadXlib();
    const display = this.x.XOpenDisplay(name);
    if (display === null) throw new DesktopLost(`no X server answers on display "${name}"`);
    this.display = display;
    this.name = name;
    this.#unwatch = watchForLoss(this.x, display, () => {
      this.#lost = true;
    });
    this.root = this.x.XDefaultRootWindow(display);
  }

  get lost(): boolean {
    return this.#lost || this.#closed;
  }

  /** Throws if the server is gone; called before and after every exchange that matters. */
  alive(): void {
    if (this.lost) throw new DesktopLost(`the X server of display "${this.name}" is gone`);
  }

  /** Waits until the server has done all that it was asked for so far. */
  answered(): void {
    this.x.XSync(this.display, 0);
  }

  atom(name: string): XId {
    let atom = this.#atoms.get(name);
    if (atom === undefined) {
      atom = this.x.XInternAtom(this.display, name, 0);
      this.alive();
      this.#atoms.set(name, atom);
    }
    return atom;
  }

  /** The raw property: bytes, or numbers for 32-bit ones; empty if there is none. `remove` takes it away too. */
  property(window: XId, name: string, remove = false): { type: XId; bytes: Uint8Array; numbers: number[] } {
    const type: (number | null)[] = [0];
    const format: (number | null)[] = [0];
    const items: (number | null)[] = [0];
    const after: (number | null)[] = [0];
    const data: (Pointer | null)[] = [null];
    const failed = this.x.XGetWindowProperty(
      this.display,
      window,
      this.atom(name),
      0,
      propertyWordsMax,
      remove ? 1 : 0,
      0,
      type,
      format,
      items,
      after,
      data,
    );
    const at = data[0] ?? null;
    const count = Number(items[0] ?? 0);
    const answer = { type: Number(type[0] ?? 0), bytes: new Uint8Array(0), numbers: [] as number[] };
    if (at === null) return answer;
    if (!failed && count > 0) {
      if (format[0] === 32) answer.numbers = readLongs(at, count);
      else if (format[0] === 8) answer.bytes = copyBytes(this.x, at, count);
    }
    this.x.XFree(at);
    return answer;
  }

  text(window: XId, name: string): string {
    const { type, bytes } = this.property(window, name);
    // ICCCM's STRING is Latin-1 (atom 31); everything modern says UTF8_STRING.
    return Buffer.from(bytes).toString(type === 31 ? "latin1" : "utf8");
  }

  numbers(window: XId, name: string): number[] {
    return this.property(window, name).numbers;
  }

  /** Map state, geometry relative to the parent, and whether the window manager leaves it alone. */
  attributes(window: XId): WindowAttributes | undefined {
    const raw = Buffer.alloc(attributesBytes);
    if (this.x.XGetWindowAttributes(this.display, window, raw) === 0) return undefined;
    return {
      width: raw.readInt32LE(8),
      height: raw.readInt32LE(12),
      drawable: raw.readInt32LE(40) === 1,
      viewable: raw.readInt32LE(92) === 2,
      unmanaged: raw.readInt32LE(120) !== 0,
    };
  }

  /** Parent and children, the topmost child last. */
  tree(window: XId): { parent: XId; children: XId[] } {
    const parent: (number | null)[] = [0];
    const children: (Pointer | null)[] = [null];
    const count: (number | null)[] = [0];
    if (this.x.XQueryTree(this.display, window, [0], parent, children, count) === 0) return { parent: 0, children: [] };
    const at = children[0] ?? null;
    const list = at === null ? [] : readLongs(at, Number(count[0] ?? 0));
    if (at !== null) this.x.XFree(at);
    return { parent: Number(parent[0] ?? 0), children: list };
  }

  /** From now on `listener` is told of each event that is taken. */
  listen(listener: (event: XEvent) => void): void {
    this.#listeners.push(listener);
  }

  /** Tells the listeners of the events that have arrived, in their order. Waits for nothing. */
  takeEvents(): void {
    while (!this.lost && this.x.XPending(this.display) > 0) {
      const event = Buffer.alloc(eventBytes);
      this.x.XNextEvent(this.display, event);
      const told = event.readInt32LE(0) === genericEvent ? this.#genericEvent(event) : event;
      if (told !== undefined) for (const listener of this.#listeners) listener(told);
    }
  }

  /** An extension's event has its data elsewhere, until the next event is taken. They begin like any event. */
  #genericEvent(cookie: XEvent): XEvent | undefined {
    if (this.x.XGetEventData(this.display, cookie) === 0) return undefined;
    const data = copyBytes(this.x, cookie.readBigUInt64LE(genericData.at), genericData.bytes);
    this.x.XFreeEventData(this.display, cookie);
    return Buffer.from(data.buffer);
  }

  /** Sends an EWMH request about a window to the window manager. */
  askWindowManager(window: XId, request: string, data: readonly number[]): void {
    this.#send(this.root, 0x180000, window, request, data); // SubstructureRedirect | SubstructureNotify
  }

  /** Sends a message to the program that made a window. */
  tellWindow(window: XId, message: string, data: readonly number[]): void {
    this.#send(window, 0, window, message, data);
  }

  #send(to: XId, mask: number, about: XId, message: string, data: readonly number[]): void {
    const event = Buffer.alloc(eventBytes);
    event.writeInt32LE(33, 0); // ClientMessage
    event.writeBigUInt64LE(BigInt(about), 32);
    event.writeBigUInt64LE(BigInt(this.atom(message)), 40);
    event.writeInt32LE(32, 48);
    for (const [index, value] of data.entries()) event.writeBigInt64LE(BigInt(value), 56 + index * 8);
    this.x.XSendEvent(this.display, to, 0, mask, event);
    this.x.XFlush(this.display);
    this.alive();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // After a lost connection Xlib still frees its memory here, and returns.
    this.x.XCloseDisplay(this.display);
    this.#unwatch();
  }
}

export interface WindowAttributes {
  readonly width: number;
  readonly height: number;
  /** False for input-only windows, which show nothing. */
  readonly drawable: boolean;
  readonly viewable: boolean;
  /** Override-redirect: menus, tooltips, lockers. */
  readonly unmanaged: boolean;
}

export function copyBytes(x: Xlib, from: Pointer, bytes: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes);
  x.memcpy(copy, from, bytes);
  return copy;
}

export function readLongs(from: Pointer, count: number): number[] {
  if (count === 0) return [];
  return Array.from(koffi.decode(from, "unsigned long", count) as BigUint64Array, Number);
}
