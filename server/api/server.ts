// The public port: serves the API until it is told to stop.

import { setMaxListeners } from "node:events";
import type { AddressInfo, Server } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Audit } from "./audit.ts";
import { acceptConnections, type Handle, type TlsFiles } from "./connections.ts";
import type { Door } from "./door.ts";
import type { FaultLog } from "./errors.ts";
import { type Authenticate, createKeyring, type Wakeup } from "./keyring.ts";
import { apiLimits } from "./limits.ts";
import { createMetricsHandle, type MetricsPage } from "./metrics.ts";
import { createHandle, notFound } from "./requests.ts";
import { routeServices } from "./router.ts";
import { createServices } from "./services.ts";

export interface ApiOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly tls?: TlsFiles | undefined;
  /** Serve without TLS to other machines too (G11): somebody else sees to secrecy. */
  readonly insecure?: boolean | undefined;
  /** Origins of web pages that may call from a browser; `*` for any. Default none. */
  readonly origins?: readonly string[] | undefined;
  readonly door: Door;
  readonly audit: Audit;
  readonly authenticate: Authenticate;
  readonly wakeup: Wakeup;
  readonly log: FaultLog;
  /** Whether this replica's row is live. */
  readonly isServing: () => boolean;
  /** What `/metrics` tells; absent: it is not there. */
  readonly metrics?: MetricsPage | undefined;
  /** What answers requests that are no RPC. */
  readonly fallback?: Handle | undefined;
}

export interface Api {
  readonly address: AddressInfo;
  /** Such as `http://127.0.0.1:8040`. */
  readonly url: string;
  /** Ends streams with UNAVAILABLE, lets calls under way end, and is over within `stopMs`. May be repeated. */
  stop(): Promise<void>;
}

/** The port cannot be served as asked. The message is one line: what, and what to do. */
export class ListenError extends Error {
  override name = "ListenError";
}

export async function serveApi(options: ApiOptions): Promise<Api> {
  if (options.tls === undefined && options.insecure !== true && !isLoopback(options.host)) {
    throw new ListenError(
      `The API is not served on ${options.host} without TLS: give a certificate and its key, listen on 127.0.0.1, or allow it with --insecure.`,
    );
  }
  const stopping = new AbortController();
  // Every open call listens on it.
  setMaxListeners(0, stopping.signal);
  const keyring = createKeyring(options.authenticate, options.wakeup);
  const services = createServices(options.door, options.wakeup, options.audit);
  const handlers = routeServices({ ...options, services, keyring, stopping: stopping.signal });
  const otherwise = options.fallback ?? notFound;
  const { metrics } = options;
  const fallback = metrics === undefined ? otherwise : createMetricsHandle(metrics, keyring, otherwise);
  const handle = createHandle(handlers, options.origins ?? [], fallback);
  try {
    const connections = acceptConnections(handle, options.tls);
    const { listener } = connections;
    const address = await listen(listener, options.host, options.port);
    const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
    let stopped: Promise<void> | undefined;
    return {
      address,
      url: `${options.tls === undefined ? "http" : "https"}://${host}:${address.port}`,
      stop() {
        stopped ??= new Promise((done) => {
          const late = setTimeout(() => connections.cutOff(), apiLimits.stopMs);
          listener.once("close", () => {
            clearTimeout(late);
            keyring.stop();
            done();
          });
          connections.retire();
          stopping.abort(new ConnectError("The server is stopping. Connect again.", Code.Unavailable));
        });
        return stopped;
      },
    };
  } catch (error) {
    keyring.stop();
    throw error;
  }
}

export const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/.test(host);

const remedies: Readonly<Record<string, string>> = {
  EADDRINUSE: "is taken by another program: stop it, or choose another port",
  EACCES: "may not be used by this account: choose a port from 1024 on",
  EADDRNOTAVAIL: "is no address of this machine: choose one that is, or 0.0.0.0 for all",
};

function listen(listener: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((done, fail) => {
    listener.once("error", (error: NodeJS.ErrnoException) => {
      fail(
        new ListenError(`${host}:${port} ${remedies[error.code ?? ""] ?? `cannot be listened on (${error.code})`}.`),
      );
    });
    listener.listen(port, host.replace(/^\[(.*)\]$/, "$1"), () => done(listener.address() as AddressInfo));
  });
}
