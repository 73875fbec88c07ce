// The services of the fake API that remember what operators have stopped, paused and limited.

import { create } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import { type Halt, HaltSchema, HaltService, type HaltTarget } from "../../sdk/gen/drover/v1/halt_pb.ts";
import {
  type Limit,
  LimitSchema,
  type LimitTarget,
  type Pause,
  PauseSchema,
  type PauseTarget,
  QueueService,
} from "../../sdk/gen/drover/v1/queue_pb.ts";
import { type Enter, refusal } from "./fake-services.ts";

/** Remembers what is halted, as one who only knows `vm-1` among machines. */
export function fakeHalts(router: ConnectRouter, enter: Enter): void {
  let halts: Halt[] = [];
  const same = (target: HaltTarget | undefined) => (halt: Halt) =>
    halt.target?.target.case === target?.target.case && halt.target?.target.value === target?.target.value;
  router.service(HaltService, {
    halt: async ({ target, reason }, context) => {
      await enter(context, true);
      if (target?.target.case === "machine" && target.target.value !== "vm-1") {
        throw refusal(Code.NotFound, "MACHINE_NOT_FOUND", "There is no such machine.");
      }
      const halt = create(HaltSchema, { id: `halt-${halts.length}`, target, reason, by: "ops", since: timestampNow() });
      halts = [halt, ...halts.filter((each) => !same(target)(each))];
      return { halt };
    },
    resume: async ({ target }) => {
      const halt = halts.find(same(target));
      halts = halts.filter((each) => each !== halt);
      return halt === undefined ? {} : { halt };
    },
    listHalts: async () => ({ halts }),
  });
}

/** Remembers what is paused and limited, as one who does not know the pool `nowhere`. */
export function fakeQueue(router: ConnectRouter, enter: Enter): void {
  const pauses = new Map<string, Pause>();
  const limits = new Map<string, Limit>();
  const keyOf = (target: PauseTarget | LimitTarget | undefined) => `${target?.target.case} ${target?.target.value}`;
  router.service(QueueService, {
    pause: async ({ target, reason }, context) => {
      await enter(context, true);
      if (target?.target.value === "nowhere")
        throw refusal(Code.NotFound, "POOL_NOT_FOUND", "There is no pool nowhere.");
      const pause = create(PauseSchema, { id: "pause", target, reason, by: "ops", since: timestampNow() });
      pauses.set(keyOf(target), pause);
      return { pause };
    },
    unpause: async ({ target }) => {
      const pause = pauses.get(keyOf(target));
      pauses.delete(keyOf(target));
      return pause === undefined ? {} : { pause };
    },
    listPauses: async () => ({ pauses: [...pauses.values()].reverse() }),
    setLimit: async ({ target, max }, context) => {
      await enter(context, true);
      const limit = create(LimitSchema, { target, max, used: 2, by: "ops", since: timestampNow() });
      limits.set(keyOf(target), limit);
      return { limit };
    },
    removeLimit: async ({ target }) => {
      limits.delete(keyOf(target));
      return {};
    },
    listLimits: async () => ({ limits: [...limits.values()] }),
  });
}
