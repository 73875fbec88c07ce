// One call of Attach: the key, the Hello, who is let in; then its session.

import { create } from "@bufbuild/protobuf";
import {
  type AttachRequest,
  type AttachResponse,
  AttachResponseSchema,
  type Hello,
} from "@drover/proto/gen/drover/agent/v1/channel_pb.ts";
import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import { attach } from "../engine/attaching.ts";
import type { Engine } from "../engine/engine.ts";
import { errorText } from "../engine/loop.ts";
import { limits } from "../rules/limits.ts";
import type { MachineRow } from "../store/machines.ts";
import { callerOf } from "./machine-key.ts";
import type { PictureShelf } from "./pictures.ts";
import { clean, incarnationOf, inventoryOf, releaseReportOf } from "./reported.ts";
import { type AgentStream, fault, Session } from "./session.ts";

/** The version of channel.proto that is spoken here. */
export const protocolVersion = 1;

/** What this replica can serve with at present. */
export interface Serving {
  readonly engine: Engine;
  readonly pictures: PictureShelf;
}

export type AttachCall = ServerDuplexStream<AttachRequest, AttachResponse>;

/** The stream, ended at most once. */
function streamOf(call: AttachCall): AgentStream {
  let ended = false;
  return {
    send(message) {
      if (!ended && !call.destroyed) call.write(message);
    },
    end(code, details) {
      if (ended) return;
      ended = true;
      if (code === status.OK) call.end();
      else call.emit("error", { code, details });
    },
  };
}

export async function serveAttach(
  call: AttachCall,
  serving: () => Serving | undefined,
  sessions: Set<Session>,
): Promise<void> {
  const stream = streamOf(call);
  let session: Session | undefined;
  let gone = false;
  const early: AttachRequest[] = [];
  let wake: () => void = () => {};
  const over = (why: string) => {
    gone = true;
    session?.end(status.CANCELLED, why);
    wake();
  };
  call.on("data", (request: AttachRequest) => {
    if (session !== undefined) return session.take(request);
    // Nothing but one Hello may come before Welcome.
    if (early.length < 2) early.push(request);
    wake();
  });
  call.on("end", () => over("the agent closed the stream"));
  call.on("cancelled", () => over("the stream was cut"));
  call.on("error", () => over("the stream failed"));
  try {
    const now = serving();
    if (now === undefined) return stream.end(status.UNAVAILABLE, "this replica cannot serve now; attach again");
    const { engine, pictures } = now;
    const life = engine.replica.life();
    if (life === undefined) return stream.end(status.UNAVAILABLE, "this replica cannot serve now; attach again");
    const caller = await callerOf(call, engine);
    if (caller.is !== "machine")
      return stream.end(status.UNAUTHENTICATED, "the machine's key is not known or was revoked");
    const { machine } = caller;
    const helloBy = performance.now() + limits.helloMs;
    while (early.length === 0 && !gone && performance.now() < helloBy) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, helloBy - performance.now());
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    if (gone) return;
    const hello = helloIn(early[0], stream);
    if (hello === undefined) return;
    const attached = await attach(engine.context, machine.id, {
      incarnation: incarnationOf(hello),
      inventory: { ...inventoryOf(hello.inventory), agentVersion: clean(hello.agentVersion) },
      failedRelease: releaseReportOf(hello.failedRelease),
    });
    if (attached.is !== "admitted") return refuseAttach(stream, attached.is, machine, engine);
    const { clocks, log } = engine.context;
    log.info("an agent attached", { machine: machine.name, dial: Number(hello.dialNumber) });
    session = new Session(engine.context, engine.replica, life, machine, attached.sessionId, stream, pictures);
    sessions.add(session);
    stream.send(
      create(AttachResponseSchema, {
        message: {
          case: "welcome",
          value: {
            protocolVersion,
            machineId: machine.id,
            beatIntervalMs: clocks.beatMs,
            stopAfterMs: clocks.agentStopMs,
            healthIntervalMs: limits.healthMs,
            artifactBytesMax: limits.artifactBytesMax,
          },
        },
      }),
    );
    if (gone) session.end(status.CANCELLED, "the stream was cut");
    for (const request of early.slice(1)) session.take(request);
    await session.over;
    sessions.delete(session);
  } catch (error) {
    serving()?.engine.context.log.warn("an agent could not be attached", { error: errorText(error) });
    if (session === undefined) stream.end(status.UNAVAILABLE, "this replica cannot serve now; attach again");
    else session.end(status.UNAVAILABLE, "this replica cannot serve now; attach again");
  }
}

function helloIn(request: AttachRequest | undefined, stream: AgentStream): Hello | undefined {
  if (request === undefined) {
    stream.end(status.DEADLINE_EXCEEDED, `no Hello within ${limits.helloMs} ms`);
    return undefined;
  }
  const hello = request.message.case === "hello" ? request.message.value : undefined;
  // Before the rules of a Hello, which are those of this version.
  if (hello !== undefined && hello.protocolVersion !== protocolVersion) {
    stream.end(
      status.FAILED_PRECONDITION,
      `protocol version ${hello.protocolVersion} is not served here; version ${protocolVersion} is. Install an agent that speaks it.`,
    );
    return undefined;
  }
  const wrong = hello === undefined ? "message: the first message must be a Hello" : fault(request);
  if (wrong !== undefined) {
    stream.end(status.INVALID_ARGUMENT, wrong);
    return undefined;
  }
  return hello;
}

function refuseAttach(
  stream: AgentStream,
  is: "cloned" | "held" | "revoked",
  machine: MachineRow,
  engine: Engine,
): void {
  switch (is) {
    case "cloned":
      engine.context.log.warn("a second living agent with one machine's key was refused (a cloned machine?)", {
        machine: machine.name,
      });
      return stream.end(status.ALREADY_EXISTS, "another living agent is attached with this machine's key");
    case "held":
      return stream.end(status.UNAVAILABLE, "an earlier agent of this machine may still be acting; attach again");
    case "revoked":
      return stream.end(status.UNAUTHENTICATED, "the machine's key was revoked");
  }
}
