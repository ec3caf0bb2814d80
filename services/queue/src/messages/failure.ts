import { ErrorCategory, ErrorSource, type TaskError } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { Failure } from "../domain/task.js";
import { durationMs, toDuration } from "./duration.js";

const MAX_MESSAGE_BYTES = 2048;

/** A category or source of a newer executor becomes UNKNOWN_ERROR or unspecified; a message is cut to 2 KiB. */
export function failureOf(error: TaskError): Failure {
  return {
    category: nameOf(ErrorCategory, error.category) ?? "UNKNOWN_ERROR",
    message: cut(error.message, MAX_MESSAGE_BYTES),
    retryable: error.retryable,
    source: nameOf(ErrorSource, error.source) ?? "UNSPECIFIED",
    ...(error.retryAfter && { retryAfterMs: Math.max(0, durationMs(error.retryAfter)) }),
  };
}

export function toTaskError(failure: Failure): TaskError {
  return {
    category: valueOf(ErrorCategory, failure.category),
    message: failure.message,
    retryable: failure.retryable,
    source: valueOf(ErrorSource, failure.source),
    retryAfter: failure.retryAfterMs === undefined ? undefined : toDuration(failure.retryAfterMs),
  };
}

type NumericEnum = Readonly<Record<string, string | number>>;

function nameOf(names: NumericEnum, value: number): string | undefined {
  const name = names[value];
  return typeof name === "string" && value > 0 ? name : undefined;
}

function valueOf(names: NumericEnum, name: string): number {
  const value = names[name];
  return typeof value === "number" ? value : 0;
}

/** Cuts at a character. */
function cut(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  // A character cut in two decodes to U+FFFD at the very end.
  return Buffer.from(text)
    .subarray(0, maxBytes)
    .toString("utf8")
    .replace(/\uFFFD$/, "");
}
