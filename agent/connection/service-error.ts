// Telling the status that ends a gRPC call from other errors.

import type { ServiceError } from "@grpc/grpc-js";

export const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && "code" in error && "details" in error;
