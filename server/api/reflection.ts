// grpc.reflection.v1 and v1alpha over Connect. Needs no key: what it tells is in the public .proto files.

import type { DescService } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import { ServerReflection } from "@drover/proto/gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "@drover/proto/gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { reflectionOf } from "@drover/proto/reflection.ts";

export function serveReflection(router: ConnectRouter, services: readonly DescService[]) {
  const reflect = reflectionOf(services);
  router.service(ServerReflection, {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) yield { ...reflect(request), originalRequest: request };
    },
  });
  router.service(ServerReflectionAlpha, {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) yield { ...reflect(request), originalRequest: request };
    },
  });
}
