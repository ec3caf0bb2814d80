import { Refusal } from "@ccsp/errors";
import { CallError } from "@ccsp/grpc-kit";

/**
 * Translates the error of a call to a service for the caller. If the service cannot be reached, the caller gets one
 * refusal without the addresses of this installation. If the service itself names a dependency that it waits for, for
 * example Redis, the refusal names it too. All other refusals of the service pass unchanged, with reason, fields and
 * retry times, because both APIs use the same field names in their messages.
 */
export function passOn(error: unknown): unknown {
  // The caller's own deadline and cancel were handled before. So an unanswered call here is a fault between gateway and
  // service.
  if (!(error instanceof CallError) || !error.unanswered) return error;
  const { dependency, request_id: requestId } = error.metadata;
  const named = error.reason === "DEPENDENCY_UNAVAILABLE" && dependency !== undefined;
  const service = serviceOf(error);
  return new Refusal("DEPENDENCY_UNAVAILABLE", named ? error.message : `the ${service} does not answer; call again`, {
    metadata: { dependency: named ? dependency : service, ...(requestId !== undefined && { request_id: requestId }) },
    retryAfterMs: error.retryAfterMs,
    cause: error,
  });
}

/**
 * A submission that may be stored is safe to repeat only with its request id. If the agent gave none, the refusal tells
 * it the gateway's own.
 */
export const withRequestId = (error: unknown, requestId: string): unknown =>
  error instanceof CallError && error.mayHaveTakenEffect ? error.with({ request_id: requestId }) : error;

/** `/ccsp.queue.v1.QueueService/Get` is a call of the queue. */
const serviceOf = ({ method }: CallError): string => /^\/ccsp\.(\w+)\./.exec(method ?? "")?.[1] ?? "service";

/** The reason of an error, as audit lines name it. */
export function reasonOf(error: unknown): string {
  return (error instanceof Refusal || error instanceof CallError ? error.reason : undefined) ?? "INTERNAL";
}

/**
 * Whether the error shows that no change was made. The gateway makes its own refusals before it calls a service. Errors
 * of a service show it too, except those below, which do not say what the service did.
 */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof CallError)) return error instanceof Refusal;
  return !error.unanswered && !error.mayHaveTakenEffect;
}
