// The clipboard of an X11 desktop: text only.
//
// X keeps no clipboard: whoever owns the CLIPBOARD selection answers the programs that ask for it. So after a write
// this process answers, from a pump that looks at the connection's events, until somebody else owns the selection.

import { setTimeout as pause } from "node:timers/promises";
import type { Connection, XEvent } from "./connection.ts";
import { DesktopLost } from "./server-loss.ts";
import type { XId } from "./xlib.ts";

/** One property must hold it: larger texts would need the incremental protocol, for which no workflow has a use. */
export const clipboardBytesMax = 1024 * 1024;
const pumpMs = 15;
const answerTimeoutMs = 2_000;
const answerProperty = "DROVER_CLIPBOARD";
const textTargets = ["UTF8_STRING", "text/plain;charset=utf-8", "text/plain", "TEXT", "STRING"];

const propertyNotify = 28;
const selectionClear = 29;
const selectionRequest = 30;
const selectionNotify = 31;
const propertyChangeMask = 1 << 22;
const atomType = 4;

export class Clipboard {
  readonly #connection: Connection;
  #window: XId = 0;
  #owned: string | undefined;
  #pump: NodeJS.Timeout | undefined;
  #answers: XEvent[] = [];

  constructor(connection: Connection) {
    this.#connection = connection;
    connection.listen((event) => this.#heard(event));
  }

  write(text: string): void {
    if (Buffer.byteLength(text) > clipboardBytesMax) throw new RangeError("the text is too large for the clipboard");
    const { x, display } = this.#connection;
    this.#connection.alive();
    const selection = this.#connection.atom("CLIPBOARD");
    x.XSetSelectionOwner(display, selection, this.#ownWindow(), 0);
    const owner = x.XGetSelectionOwner(display, selection);
    this.#connection.alive();
    if (owner !== this.#ownWindow()) throw new Error("the clipboard could not be taken over");
    this.#owned = text;
    this.#pump ??= setInterval(() => this.pump(), pumpMs).unref();
  }

  async read(): Promise<string> {
    this.pump();
    if (this.#owned !== undefined) return this.#owned;
    this.#connection.alive();
    const { x, display } = this.#connection;
    if (x.XGetSelectionOwner(display, this.#connection.atom("CLIPBOARD")) === 0) return "";
    for (const target of ["UTF8_STRING", "STRING"]) {
      const text = await this.#convert(target);
      if (text !== undefined) return text;
    }
    return "";
  }

  /** Takes the connection's events and answers what other programs ask. */
  pump(): void {
    if (this.#connection.lost) this.stop();
    this.#connection.takeEvents();
    if (this.#owned === undefined && this.#pump) this.stop();
  }

  stop(): void {
    clearInterval(this.#pump);
    this.#pump = undefined;
    this.#owned = undefined;
  }

  #heard(event: XEvent): void {
    const type = event.readInt32LE(0);
    if (type === selectionRequest) this.#answer(event);
    else if (type === selectionClear) this.#owned = undefined;
    else if (type === selectionNotify || type === propertyNotify) this.#answers.push(event);
  }

  #ownWindow(): XId {
    if (this.#window === 0) {
      const { x, display, root } = this.#connection;
      this.#window = x.XCreateSimpleWindow(display, root, -1, -1, 1, 1, 0, 0, 0);
      x.XSelectInput(display, this.#window, propertyChangeMask);
    }
    return this.#window;
  }

  #answer(request: XEvent): void {
    const { x, display } = this.#connection;
    const requestor = readId(request, 40);
    const target = readId(request, 56);
    // An old client names no property and means the target's name.
    const property = readId(request, 64) || target;
    const given = this.#put(requestor, target, property);
    const reply = Buffer.alloc(request.length);
    reply.writeInt32LE(selectionNotify, 0);
    writeId(reply, 32, requestor);
    writeId(reply, 40, readId(request, 48));
    writeId(reply, 48, target);
    writeId(reply, 56, given ? property : 0);
    writeId(reply, 64, readId(request, 72));
    x.XSendEvent(display, requestor, 0, 0, reply);
    x.XFlush(display);
  }

  #put(requestor: XId, target: XId, property: XId): boolean {
    if (this.#owned === undefined) return false;
    const { x, display } = this.#connection;
    const targets = textTargets.map((name) => this.#connection.atom(name));
    const askTargets = this.#connection.atom("TARGETS");
    if (target === askTargets) {
      const list = BigUint64Array.from([askTargets, ...targets], BigInt);
      x.XChangeProperty(display, requestor, property, atomType, 32, 0, new Uint8Array(list.buffer), list.length);
      return true;
    }
    if (!targets.includes(target)) return false;
    const latin1 = target === this.#connection.atom("STRING");
    const bytes = Buffer.from(this.#owned, latin1 ? "latin1" : "utf8");
    const type = target === this.#connection.atom("TEXT") ? this.#connection.atom("UTF8_STRING") : target;
    x.XChangeProperty(display, requestor, property, type, 8, 0, bytes, bytes.length);
    return true;
  }

  async #convert(target: string): Promise<string | undefined> {
    const { x, display } = this.#connection;
    const window = this.#ownWindow();
    this.#answers = [];
    x.XDeleteProperty(display, window, this.#connection.atom(answerProperty));
    const atoms = ["CLIPBOARD", target, answerProperty].map((name) => this.#connection.atom(name)) as [XId, XId, XId];
    x.XConvertSelection(display, ...atoms, window, 0);
    const notice = await this.#next((event) => event.readInt32LE(0) === selectionNotify);
    if (!notice || readId(notice, 56) === 0) return undefined;
    const answer = this.#connection.property(window, answerProperty, true);
    const bytes = answer.type === this.#connection.atom("INCR") ? await this.#collect(window) : answer.bytes;
    return Buffer.from(bytes).toString(target === "STRING" ? "latin1" : "utf8");
  }

  /** The incremental protocol: each piece arrives as a change of the property, an empty one is the end. */
  async #collect(window: XId): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (let total = 0; total <= clipboardBytesMax; ) {
      const changed = await this.#next(
        (event) => event.readInt32LE(0) === propertyNotify && event.readInt32LE(56) === 0,
      );
      if (!changed) throw new Error("the program that owns the clipboard stopped in the middle of its text");
      const { bytes } = this.#connection.property(window, answerProperty, true);
      if (bytes.length === 0) return Buffer.concat(pieces);
      pieces.push(bytes);
      total += bytes.length;
    }
    throw new RangeError("the text on the clipboard is too large");
  }

  async #next(wanted: (event: XEvent) => boolean): Promise<XEvent | undefined> {
    for (const deadline = performance.now() + answerTimeoutMs; performance.now() < deadline; await pause(2)) {
      this.pump();
      if (this.#connection.lost) throw new DesktopLost("the X server is gone");
      const at = this.#answers.findIndex(wanted);
      if (at >= 0) return this.#answers.splice(0, at + 1).at(-1);
    }
    return undefined;
  }
}

function readId(event: XEvent, at: number): XId {
  return Number(event.readBigUInt64LE(at));
}

function writeId(event: XEvent, at: number, value: XId): void {
  event.writeBigUInt64LE(BigInt(value), at);
}
