// Whether somebody else than the agent uses the mouse or the keyboard (guarantee G14). The X server tells of every key,
// button and move. The agent's own come from the same device as those of any other program that uses XTest, so the device
// does not tell them apart. What does:
//
// 1. The agent sends input only while it has grabbed the server (guarded-input.ts): no other program's request is served
//    meanwhile. What comes from an XTest device during that time is the agent's.
// 2. A window manager holds clicks back (a synchronous grab freezes the device), and what follows them waits with them: an
//    event of the agent's may be told only after the grab. So what was sent and is not told yet is remembered, in order.
//    From an XTest device, outside of the grab, the agent's is what was sent like it and not told; all else is not.
// 3. What comes from any other device is never the agent's, whenever it comes.
// 4. Before the gate is asked, all that reached the server before the grab is known: no input call follows foreign input
//    that the gate was not told of.

import type { Connection, XEvent } from "./connection.ts";
import { type RawInput, RawInputs, type RawKind } from "./xinput.ts";

/** What is asked of the connection and of the library. */
export type InputConnection = Pick<Connection, "listen" | "takeEvents" | "answered">;
export type InputEvents = Pick<RawInputs, "read" | "isXTest">;

interface Sent {
  readonly kind: RawKind;
  readonly detail: number;
  readonly at: number;
}

/** No window manager holds a click back for longer; what is not told by then was never made an event of. */
const toldWithinMs = 10_000;

export class ForeignInput {
  readonly #connection: InputConnection;
  readonly #raw: InputEvents | undefined;
  /** Sent and not told yet. Keyboard and pointer may be held back one without the other. */
  readonly #owed: { keyboard: Sent[]; pointer: Sent[] } = { keyboard: [], pointer: [] };
  #within = false;
  #lastAt: number | undefined;
  #presses = 0;

  static on(connection: Connection): ForeignInput {
    return new ForeignInput(connection, RawInputs.on(connection));
  }

  constructor(connection: InputConnection, raw: InputEvents | undefined) {
    this.#connection = connection;
    this.#raw = raw;
    connection.listen((event) => this.#heard(event));
  }

  /** Whether this desktop can tell. */
  get told(): boolean {
    return this.#raw !== undefined;
  }

  /** How long ago the last of it came; undefined if none is known of. */
  msAgo(): number | undefined {
    this.#connection.takeEvents();
    return this.#lastAt === undefined ? undefined : performance.now() - this.#lastAt;
  }

  /** How many keys and buttons (and turns of the wheel) were pressed by others. */
  presses(): number {
    this.#connection.takeEvents();
    return this.#presses;
  }

  /** Runs `send`, which sends the agent's own input; to be called while the server is grabbed. */
  during(send: () => void): void {
    this.#connection.takeEvents();
    this.#within = true;
    try {
      send();
      this.#connection.answered();
      this.#connection.takeEvents();
    } finally {
      this.#within = false;
    }
  }

  /** Within `during`: this press or move was sent. */
  sent(kind: "key" | "button" | "motion", detail: number): void {
    const owed = this.#owedOf(kind);
    const at = performance.now();
    while (owed[0] !== undefined && owed[0].at < at - toldWithinMs) owed.shift();
    if (this.told) owed.push({ kind, detail, at });
  }

  #heard(event: XEvent): void {
    const input = this.#raw?.read(event);
    if (input === undefined || this.#isOwn(input)) return;
    this.#lastAt = performance.now();
    if (input.kind !== "motion") this.#presses++;
  }

  #isOwn(input: RawInput): boolean {
    if (!this.#raw?.isXTest(input.source)) return false;
    const owed = this.#owedOf(input.kind);
    const at = owed.findIndex(({ kind, detail }) => kind === input.kind && detail === input.detail);
    // What was sent before it was told before it, or never will be.
    owed.splice(0, at + 1);
    return at >= 0 || this.#within;
  }

  #owedOf(kind: RawKind): Sent[] {
    return kind === "key" ? this.#owed.keyboard : this.#owed.pointer;
  }
}
