// The network between machines and replicas: streams with a delay in each direction, which keep their order and lose nothing
// by themselves (TCP). What can happen to them: a direction is blocked for a while (what is sent arrives afterwards, perhaps
// after a newer stream's messages), a direction of one stream dies for ever, an end closes, a host falls silent.

import type { Assignment, AttachResponse } from "../../proto/gen/drover/agent/v1/channel_pb.ts";
import type { Chance } from "./chance.ts";
import type { SimulatedProcess } from "./process.ts";
import { here, type Place, type Schedule } from "./schedule.ts";

/** A machine's way to the control plane. */
export class Line {
  readonly machine: string;
  /** Until when nothing gets through, in each direction. */
  readonly blockedUntil = { up: 0, down: 0 };
  /** The machine's newest stream, and the last assignment that arrived there. */
  stream: Stream | undefined;
  assignment: Assignment | undefined;

  constructor(machine: string) {
    this.machine = machine;
  }
}

export interface Listener {
  readonly process: SimulatedProcess;
  accept(opening: Opening): void;
}

/** A stream that arrives at a listener. */
export interface Opening {
  readonly stream: Stream;
  readonly path: string;
  readonly metadata: unknown;
}

/** What an end of a stream hears. */
export interface StreamEnd {
  data(bytes: Buffer): void;
  /** The other end closed its side, with a status if it is the server. */
  closed(status: { readonly code: number; readonly details: string }): void;
}

type Side = "up" | "down";

/** From the machine (`up`) and to it (`down`). */
export class Stream {
  readonly #network: Network;
  readonly line: Line;
  readonly client: Place;
  #server: Place | undefined;
  readonly #ends: { up?: StreamEnd; down?: StreamEnd } = {};
  readonly #lastAt = { up: 0, down: 0 };
  readonly #dead = { up: false, down: false };
  #over = { up: false, down: false };

  constructor(network: Network, line: Line, client: Place) {
    this.#network = network;
    this.line = line;
    this.client = client;
  }

  get isOpen(): boolean {
    return !(this.#over.up || this.#over.down);
  }

  listen(side: Side, end: StreamEnd): void {
    this.#ends[side] = end;
  }

  belongsTo(process: SimulatedProcess): boolean {
    return this.client.process === process || this.#server?.process === process;
  }

  /** Where it arrived. */
  arrived(server: Place): void {
    this.#server = server;
  }

  /** Nothing gets through in this direction any more, and nobody is told. */
  die(side: Side): void {
    this.#dead[side] = true;
  }

  send(side: Side, bytes: Buffer): void {
    if (!this.#over[side]) this.transport(side, () => this.#ends[side]?.data(bytes));
  }

  /** The sender's last word. */
  close(side: Side, status: { readonly code: number; readonly details: string }): void {
    if (this.#over[side]) return;
    this.#over[side] = true;
    this.transport(side, () => this.#ends[side]?.closed(status));
    this.#network.forget(this);
  }

  transport(side: Side, work: () => void): void {
    if (this.#dead[side]) return;
    // A microsecond later than the one before: a stream keeps its order.
    this.#lastAt[side] = Math.max(this.#lastAt[side] + 0.001, this.#network.arrivalAt(this.line, side));
    this.#network.deliver(this.#lastAt[side], () => {
      if (this.#dead[side]) return;
      const receiver = side === "up" ? this.#server : this.client;
      if (receiver === undefined) work();
      else this.#network.hand(receiver, work);
    });
  }
}

function assignmentIn(message: unknown): Assignment | undefined {
  const { message: said } = message as AttachResponse;
  return said.case === "assignment" ? said.value : undefined;
}

export class Network {
  readonly #schedule: Schedule;
  readonly #chance: Chance;
  readonly #listeners = new Map<string, Listener>();
  /** Hosts that do not even say that nobody listens. */
  readonly #silent = new Set<string>();
  readonly #streams = new Set<Stream>();
  readonly #lines = new Map<string, Line>();
  readonly #assigning: (machine: string, assignment: Assignment) => void;

  /** `assigning` is told of every assignment that a replica sends to a machine. */
  constructor(schedule: Schedule, chance: Chance, assigning: (machine: string, assignment: Assignment) => void) {
    this.#schedule = schedule;
    this.#chance = chance;
    this.#assigning = assigning;
  }

  /** A replica sends a message to a machine. */
  sending({ line }: Stream, message: unknown): void {
    const assignment = assignmentIn(message);
    if (assignment !== undefined) this.#assigning(line.machine, assignment);
  }

  /** A message from a replica arrived at a machine. */
  arrived(stream: Stream, message: unknown): void {
    const assignment = assignmentIn(message);
    if (assignment !== undefined && stream.line.stream === stream) stream.line.assignment = assignment;
  }

  lineOf(machine: string): Line {
    const line = this.#lines.get(machine) ?? new Line(machine);
    this.#lines.set(machine, line);
    return line;
  }

  listen(address: string, listener: Listener): void {
    this.#silent.delete(address);
    this.#listeners.set(address, listener);
  }

  unlisten(address: string, process: SimulatedProcess): void {
    if (this.#listeners.get(address)?.process === process) this.#listeners.delete(address);
  }

  /** Called in the dialling process, whose name is its machine's. */
  open(address: string, path: string, metadata: unknown): Stream {
    const client = here.getStore();
    if (client === undefined) throw new Error("a stream was opened outside of all simulated processes");
    const stream = new Stream(this, this.lineOf(client.process.name), { process: client.process });
    this.#streams.add(stream);
    stream.line.stream = stream;
    stream.transport("up", () => {
      const listener = this.#listeners.get(address);
      if (listener !== undefined && !listener.process.isDead) {
        const place = { process: listener.process };
        stream.arrived(place);
        this.hand(place, () => listener.accept({ stream, path, metadata }));
      } else if (!this.#silent.has(address)) {
        stream.close("down", { code: 14, details: "nobody listens there" });
      }
    });
    return stream;
  }

  /** A process died. Its system closes its streams, or its whole host is gone and says nothing. */
  died(process: SimulatedProcess, how: "closing" | "silently"): void {
    for (const [address, listener] of this.#listeners) {
      if (listener.process !== process) continue;
      this.#listeners.delete(address);
      if (how === "silently") this.#silent.add(address);
    }
    for (const stream of [...this.#streams]) {
      if (!stream.belongsTo(process)) continue;
      const side = stream.client.process === process ? "up" : "down";
      if (how === "silently") stream.die(side);
      else stream.close(side, { code: 14, details: "the connection was closed" });
    }
  }

  /** One direction of an open stream of a machine dies; false when it has none. */
  halfKill(machine: string, side: Side): boolean {
    const stream = [...this.#streams].findLast((open) => open.line.machine === machine && open.isOpen);
    stream?.die(side);
    return stream !== undefined;
  }

  streamsTo(process: SimulatedProcess): number {
    return [...this.#streams].filter((stream) => stream.isOpen && stream.belongsTo(process)).length;
  }

  forget(stream: Stream): void {
    if (!stream.isOpen) this.#streams.delete(stream);
  }

  arrivalAt(line: Line, side: Side): number {
    return Math.max(this.#schedule.now, line.blockedUntil[side]) + this.#chance.mostlyShort(1, 40);
  }

  deliver(at: number, work: () => void): void {
    this.#schedule.in(undefined, at - this.#schedule.now, work);
  }

  /** To the process that it is for, as soon as that can take it. */
  hand(to: Place, work: () => void): void {
    this.#schedule.in(to, 0, work);
  }
}
