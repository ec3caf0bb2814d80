import { REASONS } from "@ccsp/errors";
import type { SubmitOutcome } from "@ccsp/protos/ccsp/task/v1/submission.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { CcspError, errorFor } from "./errors.js";

/** Outcome of one task of a batch. */
export type Submitted = { readonly taskId: string } | { readonly error: CcspError };

export function toSubmitted({ outcome }: SubmitOutcome): Submitted {
  if (outcome?.$case === "taskId") return { taskId: outcome.value };
  if (outcome?.$case !== "refused")
    return { error: new CcspError("INTERNAL", "the gateway answered without an outcome") };
  const { reason: name, message, retryAfter } = outcome.value;
  const reason = REASONS.find((each) => each === name) ?? "INTERNAL";
  const retryAfterMs = retryAfter && durationMs(retryAfter);
  return { error: errorFor(reason, message, { retryAfterMs }) };
}
