import { Refusal } from "@ccsp/errors";
import { CallError } from "@ccsp/grpc-kit";

/**
 * What the agent is told about a failed call to the queue. A queue that cannot be reached is one refusal, without the
 * addresses of this installation; one that says what it waits for itself, as Redis, is passed on with that. Whatever the queue itself refused passes on as it is, with reason, fields and retry times:
 * the messages of both APIs name their fields alike.
 */
export function passOn(error: unknown): unknown {
  // The caller's own deadline and cancel are answered before this is asked; what is left is between gateway and queue.
  if (!(error instanceof CallError) || !error.unanswered) return error;
  const { dependency } = error.metadata;
  const named = error.reason === "DEPENDENCY_UNAVAILABLE" && dependency !== undefined;
  return new Refusal("DEPENDENCY_UNAVAILABLE", named ? error.message : "the queue does not answer; call again", {
    metadata: { dependency: named ? dependency : "queue" },
    retryAfterMs: error.retryAfterMs,
    cause: error,
  });
}
