// One port for HTTP/1.1 and HTTP/2, with TLS or without. Every HTTP/2 connection begins with "PRI ", which is no method of
// HTTP/1.1: the first bytes decide, whatever was agreed in the TLS handshake. Nothing a client sends may throw here.

import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import tls from "node:tls";
import { apiLimits } from "./limits.ts";

/** A short answer. (TypeScript cannot call `end` of the two kinds as one.) */
export function finish(response: Response, status: number, text = "") {
  response.statusCode = status;
  if ("stream" in response) response.end(text);
  else response.end(text);
}

export interface TlsFiles {
  /** PEM: the certificate and those between it and the root. */
  readonly cert: string | Buffer;
  /** PEM. */
  readonly key: string | Buffer;
}

export type Request = http.IncomingMessage | http2.Http2ServerRequest;
export type Response = http.ServerResponse | http2.Http2ServerResponse;
export type Handle = (request: Request, response: Response) => void;

export interface Connections {
  readonly listener: net.Server;
  /** No new ones, those at rest are closed, and the others once they come to rest. */
  retire(): void;
  /** All that are left, at once. */
  cutOff(): void;
}

const preface = Buffer.from("PRI ");

export function acceptConnections(handle: Handle, tlsFiles: TlsFiles | undefined): Connections {
  const h1 = http.createServer(
    {
      headersTimeout: apiLimits.headersMs,
      requestTimeout: apiLimits.requestMs,
      connectionsCheckingInterval: apiLimits.headersMs / 4,
      keepAlive: true,
    },
    handle,
  );
  h1.timeout = apiLimits.silenceMs;
  // It never listens itself, and without this word it does not watch over the two time-outs above.
  h1.emit("listening");

  const sessions = new Set<http2.ServerHttp2Session>();
  const h2 = http2.createServer({ settings: { maxConcurrentStreams: apiLimits.streamsMax } }, handle);
  h2.on("session", (session) => {
    sessions.add(session);
    const pings = watchPings(session);
    session.once("close", () => {
      clearInterval(pings);
      sessions.delete(session);
    });
  });

  const sockets = new Set<net.Socket>();
  const track = (socket: net.Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  };
  const accept = (socket: net.Socket) => {
    track(socket);
    // A peer that resets its connection is no news. Without a listener it would be an uncaught exception.
    socket.on("error", () => undefined);
    sniff(socket, (server) => (server === "h2" ? h2 : h1).emit("connection", socket));
  };
  const listener =
    tlsFiles === undefined
      ? net.createServer({ noDelay: true }, accept)
      : tls.createServer(
          { ...tlsFiles, ALPNProtocols: ["h2", "http/1.1"], handshakeTimeout: apiLimits.headersMs },
          accept,
        );
  // The TCP connection, whatever became of its handshake.
  listener.on("connection", track);

  return {
    listener,
    retire() {
      listener.close();
      h1.close();
      const tidy = setInterval(() => {
        h1.closeIdleConnections();
        // All was said, and the peer does not hang up for its part.
        for (const socket of sockets) if (socket.writableFinished) socket.destroy();
      }, 50);
      listener.once("close", () => clearInterval(tidy));
      for (const session of sessions) session.close();
    },
    cutOff() {
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Looks at the first bytes and puts them back. */
function sniff(socket: net.Socket, decided: (protocol: "h1" | "h2") => void) {
  let seen = Buffer.alloc(0);
  const tooSlow = setTimeout(() => socket.destroy(), apiLimits.headersMs);
  socket.once("close", () => clearTimeout(tooSlow));
  const look = () => {
    for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
      seen = Buffer.concat([seen, chunk]);
    }
    if (seen.length === 0) return;
    const sameSoFar = seen.subarray(0, 4).equals(preface.subarray(0, seen.length));
    if (sameSoFar && seen.length < 4) return;
    clearTimeout(tooSlow);
    socket.off("readable", look);
    socket.unshift(seen);
    decided(sameSoFar ? "h2" : "h1");
  };
  socket.on("readable", look);
}

/** A client that is frozen or gone without a word answers no ping; TCP alone would not tell for many minutes. */
function watchPings(session: http2.ServerHttp2Session): NodeJS.Timeout {
  let answered = true;
  const timer = setInterval(() => {
    if (!answered) return session.destroy();
    answered = false;
    try {
      session.ping((error) => {
        if (error === null) answered = true;
      });
    } catch {
      // It is closing.
    }
  }, apiLimits.pingMs);
  timer.unref();
  return timer;
}
