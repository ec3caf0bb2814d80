import { Refusal } from "@ccsp/errors";
import { CallError } from "@ccsp/grpc-kit";

/**
 * What the agent is told about a failed call to the queue. A queue that cannot be reached is one refusal, without the
 * addresses of this installation. Whatever the queue itself refused passes on as it is, with reason, fields and retry times:
 * the messages of both APIs name their fields alike.
 */
export function passOn(error: unknown): unknown {
  // The caller's own deadline and cancel are answered before this is asked; what is left is between gateway and queue.
  if (!(error instanceof CallError) || !error.unanswered) return error;
  return new Refusal("DEPENDENCY_UNAVAILABLE", "the queue does not answer; call again", {
    retryAfterMs: error.retryAfterMs,
    cause: error,
  });
}
