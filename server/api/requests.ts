// From a request as Node has it to its RPC and back. Whatever a client sends, nothing thrown here reaches Node: that would
// end the process.

import { constants, type Http2ServerRequest } from "node:http2";
import { type ConnectRouter, createContextValues } from "@connectrpc/connect";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { hangUp, responseKey } from "./auth.ts";
import { finish, type Handle, type Request, type Response } from "./connections.ts";
import { answerCors } from "./cors.ts";
import { apiLimits } from "./limits.ts";

type RpcHandler = ConnectRouter["handlers"][number];

export function createHandle(handlers: readonly RpcHandler[], origins: readonly string[], fallback: Handle): Handle {
  const byPath = new Map(handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response) => {
    // connect-node waits for "drain" while a client does not read. On Node 20 that wait was for ever when such a client went
    // away; Node 22.23 fails the pending write instead. Kept for the versions between.
    if (!("stream" in response)) response.once("close", () => response.emit("drain"));
    else letGoOnceAnswered(response.stream);
    try {
      if (answerCors(origins, request, response)) return;
      const handler = byPath.get(request.url?.split("?", 1)[0] ?? "");
      if (handler === undefined) fallback(request, response);
      else answer(handler, request, response);
    } catch {
      // No host, or one that is no host.
      answerPlain(response, 400, "This is no request that can be understood.\n");
    }
  };
}

/**
 * A call that is refused before its body was read leaves the rest of the body in the stream, which then stays open, and
 * keeps its connection from closing, until the client gives up. NO_ERROR is HTTP/2's way to say "enough, I have answered".
 */
function letGoOnceAnswered(stream: Http2ServerRequest["stream"]) {
  stream.once("finish", () => {
    // Not at once: gRPC's trailers follow, and a client that is about to end its body may do so.
    const late = setTimeout(() => {
      stream.close(constants.NGHTTP2_NO_ERROR);
      // Closed, it still waits for somebody to read what it holds.
      stream.destroy();
    }, apiLimits.hangUpMs).unref();
    stream.once("close", () => clearTimeout(late));
  });
}

function answer(handler: RpcHandler, request: Request, response: Response) {
  const values = createContextValues().set(responseKey, response);
  const universal = universalRequestFromNodeRequest(request, response, undefined, values);
  handler(universal)
    .then((answered) => universalResponseToNodeResponse(answered, response))
    // The client is gone, or broke the protocol in the middle of a message: nobody is left to be told.
    .catch(() => hangUp(response));
}

/** Anything that is no RPC, unless somebody else answers it. gRPC clients read a 404 as UNIMPLEMENTED. */
export const notFound: Handle = (_request, response) =>
  answerPlain(response, 404, "There is no such call here. Ask the server for its services by gRPC reflection.\n");

function answerPlain(response: Response, status: number, text: string) {
  if (response.headersSent) return hangUp(response);
  response.setHeader("content-type", "text/plain; charset=utf-8");
  finish(response, status, text);
}
