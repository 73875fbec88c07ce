// The client for Node: HTTP/2, over TLS or in the clear, with a ping so that a dead connection is noticed in seconds.

import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { type ClientOptions, createClientOver, type DroverClient, type TransportMaker } from "./client.ts";
import { messageBytesMax } from "./limits.ts";

/** A quiet connection is asked for a sign of life this often, and given up when none comes. Shorter than `idleMs`. */
const pings = { pingIntervalMs: 10_000, pingTimeoutMs: 5_000 };

/** HTTP/2: all calls and watches of a client share one connection to a replica. */
export const http2Transport: TransportMaker = (baseUrl, interceptors, closed) => {
  const sessionManager = new Http2SessionManager(baseUrl, pings);
  closed.addEventListener("abort", () => sessionManager.abort(), { once: true });
  return createConnectTransport({
    baseUrl,
    httpVersion: "2",
    sessionManager,
    interceptors,
    readMaxBytes: messageBytesMax,
  });
};

/** HTTP/1.1, for proxies that speak nothing else. Each watch takes a connection of its own. */
export const http1Transport: TransportMaker = (baseUrl, interceptors) =>
  createConnectTransport({ baseUrl, httpVersion: "1.1", interceptors, readMaxBytes: messageBytesMax });

/** Makes a client. Nothing is sent until it is used. */
export function createClient(options: ClientOptions): DroverClient {
  return createClientOver(options.transport ?? http2Transport, options);
}
