// The SDK for Node. Browsers get web.ts, which offers the same.

export * from "./exports.ts";
export { createClient, http1Transport, http2Transport } from "./node.ts";
