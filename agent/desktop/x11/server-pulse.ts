// Whether an X server still answers, asked without Xlib: Xlib's calls wait for ever for a server that hangs, and this whole
// process with them. A socket of its own, the protocol's own greeting, then from time to time its cheapest question
// (GetInputFocus). Whatever the server sends after a question was asked is an answer: one that hangs sends nothing.

import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { homedir, hostname } from "node:os";
import { join } from "node:path";

const folder = "/tmp/.X11-unix/X";
const firstPort = 6000;
const cookie = "MIT-MAGIC-COOKIE-1";
/** GetInputFocus, a request of one word, low byte first. */
const question = Buffer.from([43, 0, 1, 0]);

export class ServerPulse {
  readonly #display: string;
  #socket: Socket | undefined;
  /** Somebody waits for what the server says next. */
  #asked: PromiseWithResolvers<boolean> | undefined;

  constructor(display: string) {
    this.#display = display;
  }

  /** False if the server takes a question and says nothing for so long. One that is gone says so at once: that is true. */
  async answers(withinMs: number): Promise<boolean> {
    this.#asked ??= this.#ask();
    const late = Promise.withResolvers<false>();
    const timer = setTimeout(late.resolve, withinMs, false);
    return Promise.race([this.#asked.promise, late.promise]).finally(() => clearTimeout(timer));
  }

  stop(): void {
    this.#socket?.destroy();
  }

  #ask(): PromiseWithResolvers<boolean> {
    const asked = Promise.withResolvers<boolean>();
    if (this.#socket === undefined) this.#connect();
    else this.#socket.write(question);
    return asked;
  }

  #connect(): void {
    const place = placeOf(this.#display);
    const socket = connect(place.to);
    this.#socket = socket;
    const heard = () => {
      this.#asked?.resolve(true);
      this.#asked = undefined;
    };
    socket.on("data", heard);
    socket.on("error", () => {});
    socket.once("close", () => {
      this.#socket = undefined;
      heard();
    });
    socket.unref();
    socket.write(greeting(cookieOf(place.number)));
  }
}

interface Place {
  readonly to: { readonly path: string } | { readonly host: string; readonly port: number };
  /** The display's number, as text. */
  readonly number: string;
}

function placeOf(display: string): Place {
  const [, host = "", number = "0"] = /^(.*):(\d+)(?:\.\d+)?$/.exec(display) ?? [];
  const here = host === "" || host === "unix";
  return { to: here ? { path: folder + number } : { host, port: firstPort + Number(number) }, number };
}

/** The protocol's first message: low byte first, version 11.0, and what admits this client. */
function greeting(data: Buffer): Buffer {
  const name = data.length === 0 ? "" : cookie;
  const head = Buffer.alloc(12);
  head.write("l", 0, "latin1");
  head.writeUInt16LE(11, 2);
  head.writeUInt16LE(name.length, 6);
  head.writeUInt16LE(data.length, 8);
  return Buffer.concat([head, padded(Buffer.from(name, "latin1")), padded(data)]);
}

const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);

/** Empty when there is none: a refusal would be an answer as well, but servers log them. */
function cookieOf(number: string): Buffer {
  const file = process.env["XAUTHORITY"] ?? join(homedir(), ".Xauthority");
  let rest: Buffer;
  try {
    rest = readFileSync(file);
  } catch {
    return Buffer.alloc(0);
  }
  const field = (): Buffer => {
    const end = 2 + (rest.length < 2 ? 0 : rest.readUInt16BE(0));
    const value = rest.subarray(2, end);
    rest = rest.subarray(end);
    return value;
  };
  const fitting: { readonly data: Buffer; readonly ofThisHost: boolean }[] = [];
  while (rest.length > 2) {
    rest = rest.subarray(2); // The address's family.
    const [address, display, name, data] = [field(), field().toString(), field().toString(), field()];
    if (name !== cookie || (display !== "" && display !== number)) continue;
    fitting.push({ data, ofThisHost: address.toString() === hostname() });
  }
  return (fitting.find(({ ofThisHost }) => ofThisHost) ?? fitting[0])?.data ?? Buffer.alloc(0);
}
