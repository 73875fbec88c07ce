// RetentionService.

import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import type { RetentionService } from "@drover/proto/gen/drover/v1/retention_pb.ts";

const notYet = () => Promise.reject(new ConnectError("not yet", Code.Unimplemented));

export const createRetention = (): ServiceImpl<typeof RetentionService> => ({
  getRetention: notYet,
  setRetention: notYet,
});
