import { CallError } from "@ccsp/grpc-kit/client.js";
import { CcspError, errorFor, InvalidTaskError } from "./errors.js";

/** Remembers of a call that changes something whether one of its tries got no answer. */
export interface Doubt {
  readonly lost: boolean;
  /** Takes the error of each try. */
  saw(error: unknown): void;
  /** The error that the agent should see, with the request ids, and with what a lost answer means. */
  explain(error: unknown): unknown;
}

/** `requestIds`: of a submission, one for each task. A call without them changes something else. */
export function createDoubt(requestIds: readonly string[] = []): Doubt {
  let lost = false;
  return {
    get lost() {
      return lost;
    },
    saw(error) {
      lost ||= error instanceof CallError && error.mayHaveTakenEffect;
    },
    explain(error) {
      // What the agent's own signal or function for the token throws is the agent's.
      if (!(error instanceof CcspError)) return error;
      const { reason, metadata, retryAfterMs, cause } = error;
      const fields = error instanceof InvalidTaskError ? error.fields : [];
      const details = { metadata, retryAfterMs, cause, fields, requestIds, mayHaveTakenEffect: lost };
      return errorFor(reason, lost ? `${error.message}; ${meaning(requestIds)}` : error.message, details);
    },
  };
}

function meaning([first, ...more]: readonly string[]): string {
  const why = "because a try of this call got no answer";
  if (first === undefined) return `the call may have taken effect, ${why}`;
  if (more.length > 0) return `the tasks may be stored, ${why}: submit them again only with the same request ids`;
  return `the task may be stored, ${why}: submit it again only with the request id ${first}`;
}
