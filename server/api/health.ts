// grpc.health.v1: SERVING while this replica may serve, which is while its own row in the database is live. Needs no key.

import { setTimeout as delay } from "node:timers/promises";
import type { DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as Status } from "@drover/proto/gen/grpc/health/v1/health_pb.ts";
import { apiLimits } from "./limits.ts";

export function serveHealth(router: ConnectRouter, services: readonly DescService[], isServing: () => boolean) {
  // The empty name is the server as a whole.
  const names = ["", ...services.map(({ typeName }) => typeName)];
  const statusOf = (name: string) =>
    !names.includes(name) ? Status.SERVICE_UNKNOWN : isServing() ? Status.SERVING : Status.NOT_SERVING;

  router.service(Health, {
    check({ service }) {
      const status = statusOf(service);
      if (status === Status.SERVICE_UNKNOWN) throw new ConnectError("There is no such service here.", Code.NotFound);
      return { status };
    },
    list: () => ({ statuses: Object.fromEntries(names.map((name) => [name, { status: statusOf(name) }])) }),
    async *watch({ service }, { signal }) {
      for (let told: Status | undefined; ; await delay(apiLimits.pollMs, undefined, { signal, ref: false })) {
        const status = statusOf(service);
        if (status !== told) yield { status };
        told = status;
      }
    },
  });
}
