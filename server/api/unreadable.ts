// A JSON body that cannot be read is answered without a piece of it (G11). What JSON.parse and protobuf-es say of one quotes it, and
// the library turns that into its error before any interceptor has the call. So the error is put right where it is told first: a call
// that ends with one aborts its context with it, before the answer is written. A test fails if that ever changes.

import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";

export function hideUnreadable({ signal }: Pick<HandlerContext, "signal">): void {
  signal.addEventListener("abort", () => hide(signal.reason), { once: true });
}

function hide(error: unknown): void {
  if (!(error instanceof ConnectError) || error.code !== Code.InvalidArgument) return;
  const [, what] = /^cannot decode ((?:message|field|enum) [\w.]+) from JSON/.exec(error.rawMessage) ?? [];
  if (what === undefined) return;
  const rawMessage = `The body cannot be read as JSON: ${what}${safeReason(error) ?? ""}.`;
  Object.assign(error, { rawMessage, message: `[invalid_argument] ${rawMessage}`, cause: undefined });
}

/** What is wrong, where that can be said without a value: a field's name is the caller's own word for it. */
function safeReason({ rawMessage, cause }: ConnectError): string | undefined {
  if (cause instanceof Error && cause.cause instanceof SyntaxError) return " is no JSON";
  const [, known] = /: (key "[A-Za-z_]\w{0,63}" is unknown|set multiple times)$/.exec(rawMessage) ?? [];
  return known && `: ${known}`;
}
