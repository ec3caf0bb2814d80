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
