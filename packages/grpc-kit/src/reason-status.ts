import type { Reason } from "@ccsp/errors";
import { status } from "@grpc/grpc-js";

/** The gRPC status that each reason leaves as. A reason without a status does not compile. */
export const STATUS_OF = {
  TOKEN_MISSING: status.UNAUTHENTICATED,
  TOKEN_INVALID: status.UNAUTHENTICATED,
  TOKEN_EXPIRED: status.UNAUTHENTICATED,
  SCOPE_MISSING: status.PERMISSION_DENIED,
  INVALID_FIELD: status.INVALID_ARGUMENT,
  ENGINE_UNKNOWN: status.INVALID_ARGUMENT,
  TASK_NOT_FOUND: status.NOT_FOUND,
  REQUEST_ID_CONFLICT: status.ALREADY_EXISTS,
  QUEUE_FULL: status.RESOURCE_EXHAUSTED,
  MESSAGE_TOO_LARGE: status.RESOURCE_EXHAUSTED,
  LEASE_LOST: status.FAILED_PRECONDITION,
  SYNC_STALE: status.ABORTED,
  SHUTTING_DOWN: status.UNAVAILABLE,
  DEPENDENCY_UNAVAILABLE: status.UNAVAILABLE,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
  CALL_CANCELLED: status.CANCELLED,
  INTERNAL: status.INTERNAL,
} as const satisfies Record<Reason, status>;
