// What a web page of the tests does: it watches a run over gRPC-web, with the SDK as it is for browsers. The test bundles
// this file, and calls `watch` in the page.

import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { createClient } from "../../sdk/web.ts";

/** What the page saw, and how its watch ended. */
export interface Watched {
  readonly events: { readonly number: number; readonly kind: string }[];
  readonly outputs?: unknown;
  readonly error?: { readonly name: string; readonly message: string };
}

const events: { number: number; kind: string }[] = [];

async function watch(url: string, key: string, runId: string): Promise<Watched> {
  events.length = 0;
  const client = createClient({
    url,
    key,
    transport: (baseUrl, interceptors) => createGrpcWebTransport({ baseUrl, interceptors }),
    // A page that the server does not know is told so at once, not after a minute of tries.
    limits: { watchPatienceMs: 1_000 },
  });
  try {
    let outputs: unknown;
    for await (const event of client.run(runId)) {
      events.push({ number: event.number, kind: event.kind });
      if (event.kind === "ENDED") outputs = event.outputs;
    }
    return { events, outputs };
  } catch (error) {
    return { events, error: { name: (error as Error).name, message: (error as Error).message } };
  }
}

Object.assign(globalThis, { watch, watchedEvents: events });
