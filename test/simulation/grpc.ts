// What product code has instead of grpc-js in a simulation: the same library, but servers listen in the simulated network and
// clients dial there. Messages travel as the bytes that the product makes of them.

import { EventEmitter } from "node:events";
import { type Metadata, type ServiceDefinition, status } from "@grpc/grpc-js";
import type { Network, Opening, Stream } from "./network.ts";
import { here } from "./schedule.ts";

export * from "@grpc/grpc-js";

let network: Network | undefined;

/** To be called at the beginning of each simulation. */
export function connectProduct(to: Network): void {
  network = to;
}

function networkHere(): Network {
  if (network === undefined) throw new Error("there is no simulated network yet");
  return network;
}

type Encode = (message: unknown) => Buffer;
type Decode = (bytes: Buffer) => unknown;

/** The part of a bidirectional call that product code uses, at either end. */
class Call extends EventEmitter {
  readonly metadata: Metadata | undefined;
  destroyed = false;
  readonly #stream: Stream;
  readonly #side: "up" | "down";
  readonly #encode: Encode;

  constructor(stream: Stream, side: "up" | "down", encode: Encode, metadata?: Metadata) {
    super();
    this.#stream = stream;
    this.#side = side;
    this.#encode = encode;
    this.metadata = metadata;
  }

  write(message: unknown, written?: () => void): void {
    if (this.#side === "down") networkHere().sending(this.#stream, message);
    this.#stream.send(this.#side, this.#encode(message));
    const place = here.getStore();
    if (written !== undefined) place?.process.schedule.in(place, 0, written, "timer");
  }

  end(): void {
    this.#stream.close(this.#side, { code: status.OK, details: "" });
  }

  cancel(): void {
    this.#stream.close(this.#side, { code: status.CANCELLED, details: "" });
    this.#stream.die("down");
  }

  /** A server ends a call by an error that it emits on it. */
  failed(error: { readonly code: number; readonly details: string }): void {
    this.destroyed = true;
    this.#stream.close(this.#side, error);
  }
}

export class Client {
  readonly #target: string;

  constructor(target: string) {
    this.#target = target;
  }

  makeBidiStreamRequest(path: string, encode: Encode, decode: Decode, metadata: Metadata): Call {
    const stream = networkHere().open(this.#target, path, metadata);
    const call = new Call(stream, "up", encode);
    const { process } = stream.client;
    stream.listen("down", {
      data(bytes) {
        const message = decode(bytes);
        networkHere().arrived(stream, message);
        here.run({ process, cause: message }, () => call.emit("data", message));
      },
      closed({ code, details }) {
        call.emit("status", { code, details });
        if (code !== status.OK) call.emit("error", new Error(details));
      },
    });
    return call;
  }

  close(): void {}
}

type Handler = (call: Call) => void;

export class Server {
  readonly #handlers = new Map<
    string,
    { readonly handle: Handler; readonly encode: Encode; readonly decode: Decode }
  >();
  #address = "";

  addService(definition: ServiceDefinition, handlers: Readonly<Record<string, Handler>>): void {
    for (const [name, { path, requestDeserialize, responseSerialize }] of Object.entries(definition)) {
      const handle = handlers[name];
      if (handle === undefined) continue;
      this.#handlers.set(path, { handle, encode: responseSerialize, decode: requestDeserialize });
    }
  }

  bindAsync(address: string, _credentials: unknown, bound: (error: null, port: number) => void): void {
    const place = here.getStore();
    if (place === undefined) throw new Error("a server listened outside of all simulated processes");
    this.#address = address;
    networkHere().listen(address, { process: place.process, accept: (opening) => this.#accept(opening) });
    bound(null, Number(address.split(":").at(-1)));
  }

  /** Streams end by themselves: whoever stops has told them so. */
  tryShutdown(done: () => void): void {
    const place = here.getStore();
    if (place === undefined) return;
    networkHere().unlisten(this.#address, place.process);
    place.process.schedule.in(place, 0, done, "timer");
  }

  forceShutdown(): void {}

  #accept({ stream, path, metadata }: Opening): void {
    const service = this.#handlers.get(path);
    if (service === undefined) return stream.close("down", { code: status.UNIMPLEMENTED, details: "no such method" });
    const call = new Call(stream, "down", service.encode, metadata as Metadata);
    call.on("error", (error) => call.failed(error));
    stream.listen("up", {
      data: (bytes) => call.emit("data", service.decode(bytes)),
      closed({ code }) {
        if (code === status.OK) return call.emit("end");
        call.destroyed = true;
        return call.emit("cancelled");
      },
    });
    service.handle(call);
  }
}
