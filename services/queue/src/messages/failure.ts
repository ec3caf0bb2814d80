import { categoryNameOf, isCategoryName, type SourceName, visible } from "@ccsp/errors";
import { ErrorCategory, ErrorSource, type RetryPolicy, type TaskError } from "@ccsp/protos/ccsp/task/v1/task.js";
import { durationMs, toDuration } from "@ccsp/protos/duration.js";
import { cut } from "../domain/fields/text.js";
import type { Failure, TaskRetry } from "../domain/task/task.js";

const MAX_MESSAGE_BYTES = 2048;
// One day more than the longest window that a provider may name. Without this bound, a value that fits into a request
// may not fit into an answer, because milliseconds are rounded to doubles. Then the queue could never show the task
// again.
const MAX_RETRY_AFTER_MS = 32 * 24 * 60 * 60 * 1000;

/**
 * Reads an executor's failure. A category or source that only a newer executor knows becomes UNKNOWN_ERROR or
 * unspecified. The message and retry_after are cut to what may be stored.
 */
export function failureOf(error: TaskError): Failure {
  return {
    category: categoryNameOf(error.category) ?? "UNKNOWN_ERROR",
    message: cut(visible(error.message), MAX_MESSAGE_BYTES),
    retryable: error.retryable,
    source: sourceNameOf(ErrorSource[error.source]),
    ...(error.retryAfter && { retryAfterMs: clamp(durationMs(error.retryAfter)) }),
  };
}

export function toTaskError(failure: Failure): TaskError {
  return {
    category: ErrorCategory[failure.category],
    message: failure.message,
    retryable: failure.retryable,
    source: ErrorSource[failure.source],
    retryAfter: failure.retryAfterMs === undefined ? undefined : toDuration(failure.retryAfterMs),
  };
}

/** Converts a policy to the domain's type. Ignores categories that only a newer client knows. */
export function retryOf({ firstBackoff, maxBackoff, neverOn }: RetryPolicy): TaskRetry {
  const never = neverOn.flatMap((category) => categoryNameOf(category) ?? []);
  return {
    ...(firstBackoff && { baseMs: durationMs(firstBackoff) }),
    ...(maxBackoff && { maxMs: durationMs(maxBackoff) }),
    // Lua would write an empty list back as an object.
    ...(never.length > 0 && { never }),
  };
}

/** Reads a stored failure. A category or source that a later release wrote becomes the value that means "not known". */
export const readStoredFailure = (failure: Failure): Failure => ({
  ...failure,
  category: isCategoryName(failure.category) ? failure.category : "UNKNOWN_ERROR",
  source: sourceNameOf(failure.source),
});

const isSourceName = (word: string | undefined): word is SourceName =>
  word !== undefined && word !== "UNRECOGNIZED" && Object.hasOwn(ErrorSource, word) && /^[A-Z]/.test(word);

const sourceNameOf = (word: string | undefined): SourceName => (isSourceName(word) ? word : "UNSPECIFIED");

const clamp = (ms: number): number => Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
