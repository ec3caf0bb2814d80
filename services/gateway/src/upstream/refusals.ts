import { Refusal } from "@ccsp/errors";
import { CallError } from "@ccsp/grpc-kit";
import { status } from "@grpc/grpc-js";

/**
 * Translates the error of a call to the queue for the agent. If the queue cannot be reached, the agent gets one refusal
 * without the addresses of this installation. If the queue itself names a dependency that it waits for, for example
 * Redis, the refusal names it too. All other refusals of the queue pass unchanged, with reason, fields and retry times,
 * because both APIs use the same field names in their messages.
 */
export function passOn(error: unknown): unknown {
  // The agent's own deadline and cancel were handled before. So an unanswered call here is a fault between gateway and
  // queue.
  if (!(error instanceof CallError) || !error.unanswered) return error;
  const { dependency } = error.metadata;
  const named = error.reason === "DEPENDENCY_UNAVAILABLE" && dependency !== undefined;
  return new Refusal("DEPENDENCY_UNAVAILABLE", named ? error.message : "the queue does not answer; call again", {
    metadata: { dependency: named ? dependency : "queue" },
    retryAfterMs: error.retryAfterMs,
    cause: error,
  });
}

/** The reason of an error, as audit lines name it. */
export function reasonOf(error: unknown): string {
  return (error instanceof Refusal || error instanceof CallError ? error.reason : undefined) ?? "INTERNAL";
}

/**
 * Whether the error shows that no change was made. The gateway makes its own refusals before it calls the queue. Errors
 * of the queue show it too, except those below, which do not say what the queue did.
 */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof CallError)) return error instanceof Refusal;
  return !error.unanswered && error.reason !== "INTERNAL" && error.code !== status.UNKNOWN;
}
