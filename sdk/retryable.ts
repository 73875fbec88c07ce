// Which errors mean "try again, perhaps elsewhere": the one list. An error that carries the server's own reason is a
// decision, and trying again would only hear it again; what is left are faults of the way between.

import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.ts";

/** What a fault of the way looks like by code alone. */
const retryableCodes: ReadonlySet<Code> = new Set([
  // Refused connections, unknown hosts, a proxy's 502, 503 and 504, a server that is stopping or has lost its database.
  Code.Unavailable,
  // A connection that was reset while a call was on it.
  Code.Aborted,
  // A killed server is reported by HTTP/2 as a cancelled stream. The caller's own abort is told apart by its signal.
  Code.Canceled,
  // One try took too long; another replica may do better.
  Code.DeadlineExceeded,
]);

/** The server's own word for why, if the error carries one. */
export function reasonOf(error: ConnectError): string | undefined {
  return error.findDetails(ErrorInfoSchema).find((info) => info.domain === "drover" || info.domain === "")?.reason;
}

/** True when another try, here or at another replica, may do better. `signal` is the caller's own. */
export function isRetryable(thrown: unknown, signal?: AbortSignal): boolean {
  if (signal?.aborted || !(thrown instanceof ConnectError)) return false;
  const reason = reasonOf(thrown);
  if (reason !== undefined) return reason === "STORE_UNAVAILABLE";
  return retryableCodes.has(thrown.code) || isBrokenWay(thrown);
}

/** Faults whose code is shared with real answers, told apart by what only a broken connection leaves behind. */
function isBrokenWay(error: ConnectError): boolean {
  switch (error.code) {
    case Code.Internal:
    case Code.Unknown:
      // A cause means that this end made the error from a socket's (or from fetch's); the rest are HTTP/2 resets.
      return error.cause !== undefined || error.rawMessage.startsWith("http/2");
    case Code.InvalidArgument:
      // A stream or body that was cut off.
      return error.rawMessage.startsWith("protocol error: ");
    default:
      return false;
  }
}
