// A TCP proxy on loopback whose weather a test makes: connections are cut, a direction is held, or everything is late.
//
// What is held is not lost: as on a network that drops packets, where TCP sends them again, it arrives when the direction
// is let through. That a connection was closed is held with it.

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** As seen from whoever dialled. */
export type Direction = "out" | "in";

export interface TcpProxy {
  readonly port: number;
  /** Cuts every open connection, both ends at once; returns how many. */
  cutAll(): number;
  /** Nothing gets through in these directions, on any connection, old or new. */
  hold(...directions: readonly Direction[]): void;
  /** What was held arrives, in order. */
  letThrough(): void;
  /** Everything arrives so much later from now on. */
  delayAll(delayMs: number): void;
  stop(): Promise<void>;
}

interface Weather {
  readonly held: Set<Direction>;
  delayMs: number;
}

/** One direction of one connection. */
class Lane {
  readonly #direction: Direction;
  readonly #to: Socket;
  readonly #weather: Weather;
  readonly #waiting: { readonly at: number; readonly deliver: () => void }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(direction: Direction, from: Socket, to: Socket, weather: Weather) {
    this.#direction = direction;
    this.#to = to;
    this.#weather = weather;
    from.on("data", (bytes) => this.#take(() => this.#to.write(bytes)));
    from.on("end", () => this.#take(() => this.#to.end()));
    from.on("error", () => {}); // The close that follows says it.
    from.on("close", () => this.#take(() => this.#to.destroy()));
  }

  #take(deliver: () => void): void {
    this.#waiting.push({ at: performance.now() + this.#weather.delayMs, deliver });
    this.flow();
  }

  flow(): void {
    clearTimeout(this.#timer);
    while (!this.#weather.held.has(this.#direction)) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      const inMs = next.at - performance.now();
      if (inMs > 0) {
        this.#timer = setTimeout(() => this.flow(), inMs);
        return;
      }
      this.#waiting.shift();
      if (!this.#to.destroyed) next.deliver();
    }
  }
}

export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const weather: Weather = { held: new Set(), delayMs: 0 };
  const lanes = new Set<Lane>();
  const open = new Set<Socket>();
  const server = createServer((inner) => {
    const outer = connect(targetPort, "127.0.0.1");
    const pair = [new Lane("out", inner, outer, weather), new Lane("in", outer, inner, weather)];
    for (const lane of pair) lanes.add(lane);
    for (const socket of [inner, outer]) {
      open.add(socket);
      socket.setNoDelay(true).on("close", () => {
        open.delete(socket);
        if (!open.has(inner) && !open.has(outer)) for (const lane of pair) lanes.delete(lane);
      });
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const cutAll = () => {
    const cut = open.size;
    for (const socket of [...open]) socket.destroy();
    return cut / 2;
  };
  return {
    port: (server.address() as { port: number }).port,
    cutAll,
    hold: (...directions) => {
      for (const direction of directions) weather.held.add(direction);
    },
    letThrough() {
      weather.held.clear();
      for (const lane of [...lanes]) lane.flow();
    },
    delayAll(delayMs) {
      weather.delayMs = delayMs;
    },
    async stop() {
      cutAll();
      server.close();
      await once(server, "close");
    },
  };
}
