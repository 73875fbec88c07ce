// A TCP proxy on loopback whose connections a test can cut.

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface TcpProxy {
  readonly port: number;
  /** Cuts every open connection, both ends at once; returns how many. */
  cutAll(): number;
  stop(): Promise<void>;
}

export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const open = new Set<readonly [Socket, Socket]>();
  const server = createServer((inner) => {
    const outer = connect(targetPort, "127.0.0.1");
    const pair = [inner, outer] as const;
    open.add(pair);
    const end = () => {
      open.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const socket of pair) socket.on("close", end).on("error", end);
    inner.pipe(outer);
    outer.pipe(inner);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const cutAll = () => {
    const cut = [...open];
    for (const [inner, outer] of cut) {
      inner.destroy();
      outer.destroy();
    }
    return cut.length;
  };
  return {
    port: (server.address() as { port: number }).port,
    cutAll,
    async stop() {
      cutAll();
      server.close();
      await once(server, "close");
    },
  };
}
