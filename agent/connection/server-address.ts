// The address of a control plane's agent port, and how to speak to it. The machine key and what is on the screen go
// over this connection: without TLS it may leave this machine only when a person has said so (G11).

import type { Socket } from "node:net";
import { type ChannelCredentials, type ChannelOptions, credentials } from "@grpc/grpc-js";
import { WrongSetting } from "../settings.ts";

/** A message of the channel is at most this long, in either direction. */
export const MESSAGE_BYTES_MAX = 1024 * 1024;

export interface ServerAddress {
  /** `host:port`, as gRPC dials it. */
  readonly target: string;
  readonly tls: boolean;
  readonly loopback: boolean;
  /** PEM of the authorities to trust instead of the system's. */
  readonly authorities: Buffer | undefined;
  readonly insecure: boolean;
}

/** Understands `http://host:port` and `https://host:port`. */
export function serverAddress(url: string, options: { insecure?: boolean; authorities?: Buffer } = {}): ServerAddress {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const tls = parsed?.protocol === "https:";
  if (
    parsed === undefined ||
    !(tls || parsed.protocol === "http:") ||
    parsed.hostname === "" ||
    parsed.pathname !== "/"
  ) {
    throw new WrongSetting(`the server's address must look like https://host:7401, and is not: ${url}`);
  }
  const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(parsed.hostname);
  const insecure = options.insecure ?? false;
  if (!tls && !loopback && !insecure) {
    throw new WrongSetting(`${url} is not on this machine and has no TLS: use https, or say --insecure if you must`);
  }
  const port = parsed.port === "" ? (tls ? 443 : 80) : parsed.port;
  return { target: `${parsed.hostname}:${port}`, tls, loopback, authorities: options.authorities, insecure };
}

/** One of the addresses that a `GoAway` names; `undefined` when it may not be dialled under the same rules. */
export function namedAddress(address: string, like: ServerAddress): ServerAddress | undefined {
  const url = address.includes("://") ? address : `${like.tls ? "https" : "http"}://${address}`;
  const { insecure, authorities } = like;
  try {
    const named = serverAddress(url, { insecure, ...(authorities !== undefined && { authorities }) });
    // A server reached over TLS does not talk an agent out of it.
    return like.tls && !named.tls ? undefined : named;
  } catch {
    return undefined;
  }
}

/** `opened` is given every socket, because a channel that is closed waits for the other end for ever to do the same. */
export function channelCredentials(
  { tls, authorities }: ServerAddress,
  opened: (socket: Socket) => void = () => {},
): ChannelCredentials {
  const made = tls ? credentials.createSsl(authorities ?? null) : credentials.createInsecure();
  const connector = made._createSecureConnector.bind(made);
  made._createSecureConnector = (...target) => {
    const secure = connector(...target);
    const connect = secure.connect.bind(secure);
    secure.connect = (socket) => {
      opened(socket);
      return connect(socket);
    };
    return secure;
  };
  return made;
}

/** Options of every connection. No keepalive: beats tell more, and a server may forbid pings. */
export const channelOptions = ({ loopback }: ServerAddress): ChannelOptions => ({
  "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
  "grpc.max_send_message_length": MESSAGE_BYTES_MAX,
  "grpc.enable_retries": 0,
  // A dial of our own must not inherit the back-off, or the dead socket, of the one before.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_http_proxy": loopback ? 0 : 1,
});
