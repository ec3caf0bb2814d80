import { REASONS, type Reason } from "@ccsp/errors";
import type { SubmitOutcome } from "@ccsp/protos/ccsp/task/v1/submission.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { CcspError, errorFor } from "./errors.js";

const UNSURE: ReadonlySet<Reason> = new Set<Reason>(["DEPENDENCY_UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL"]);

/** Outcome of one task of a batch. */
export type Submitted = { readonly taskId: string } | { readonly error: CcspError };

/** `lost`: an earlier try of the batch got no answer, and may have stored the task. */
export function toSubmitted({ outcome }: SubmitOutcome, requestId: string, lost: boolean): Submitted {
  if (outcome?.$case === "taskId") return { taskId: outcome.value };
  if (outcome?.$case !== "refused")
    return { error: new CcspError("INTERNAL", "the gateway answered without an outcome") };
  const { reason: name, message, retryAfter, fields } = outcome.value;
  const reason = REASONS.find((each) => each === name) ?? "INTERNAL";
  const retryAfterMs = retryAfter && durationMs(retryAfter);
  // These do not say whether the task is stored, also without a lost try.
  const unsure = lost || UNSURE.has(reason);
  return {
    error: errorFor(reason, message, { retryAfterMs, fields, requestIds: [requestId], mayHaveTakenEffect: unsure }),
  };
}
