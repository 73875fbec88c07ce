// The SDK for browsers, and for whatever else has fetch: the same exports as index.ts, without a word of Node.

import { createConnectTransport } from "@connectrpc/connect-web";
import { type ClientOptions, createClientOver, type DroverClient, type TransportMaker } from "./client.ts";

export * from "./exports.ts";

/** Over fetch. */
export const fetchTransport: TransportMaker = (baseUrl, interceptors) =>
  createConnectTransport({ baseUrl, interceptors, useBinaryFormat: true });

/** Makes a client. Nothing is sent until it is used. */
export function createClient(options: ClientOptions): DroverClient {
  return createClientOver(options.transport ?? fetchTransport, options);
}
