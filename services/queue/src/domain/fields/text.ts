import { visible } from "@ccsp/errors";
import { Faults } from "./faults.js";

/** Of a reason that a task's log and events show. */
export const MAX_REASON_BYTES = 256;

/** The beginning of a text, at most so many bytes of UTF-8, up to a whole character. */
export function cut(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  // A character cut in two decodes to U+FFFD at the very end.
  return Buffer.from(text)
    .subarray(0, maxBytes)
    .toString("utf8")
    .replace(/\uFFFD$/, "");
}

/** The reason as logs and events have it: made visible, and cut where that made it longer. Throws INVALID_FIELD. */
export function readReason(reason: string): string {
  const faults = new Faults();
  faults.unless(Buffer.byteLength(reason) <= MAX_REASON_BYTES, "reason", `is longer than ${MAX_REASON_BYTES} bytes`);
  faults.check();
  return cut(visible(reason), MAX_REASON_BYTES);
}
