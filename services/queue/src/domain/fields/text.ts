import { visible } from "@ccsp/errors";
import { Faults } from "./faults.js";

/** The bound for a reason that the log and events of a task show. */
export const MAX_REASON_BYTES = 256;

/** The beginning of a text: at most `maxBytes` bytes of UTF-8, and only whole characters. */
export function cut(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  // A character that is cut in two decodes to U+FFFD at the end.
  return Buffer.from(text)
    .subarray(0, maxBytes)
    .toString("utf8")
    .replace(/\uFFFD$/, "");
}

/**
 * The reason for logs and events: its invisible characters are made visible, and the text is cut when this made it too
 * long. Throws INVALID_FIELD.
 */
export function readReason(reason: string): string {
  const faults = new Faults();
  faults.unless(Buffer.byteLength(reason) <= MAX_REASON_BYTES, "reason", `is longer than ${MAX_REASON_BYTES} bytes`);
  faults.check();
  return cut(visible(reason), MAX_REASON_BYTES);
}
