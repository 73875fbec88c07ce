// QueueService.

import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import type { QueueService } from "@drover/proto/gen/drover/v1/queue_pb.ts";

const notYet = () => Promise.reject(new ConnectError("not yet", Code.Unimplemented));

export const createQueue = (): ServiceImpl<typeof QueueService> => ({
  pause: notYet,
  unpause: notYet,
  listPauses: notYet,
  setLimit: notYet,
  removeLimit: notYet,
  listLimits: notYet,
});
