const MAX_LENGTH = 512;
const MAX_MEMBERS = 32;
const LONG_MEMBER = 128;

/**
 * Shortens a caller's `tracestate` to 32 members and 512 characters, the limits of W3C Trace Context. It first drops
 * members longer than 128 characters, then members from the end. OpenTelemetry sets no limit, and a span keeps the text
 * for its whole life.
 */
export function boundTraceState(text: string): string {
  const members = text.split(",").map((member) => member.trim());
  const present = members.filter((member) => member !== "").slice(0, MAX_MEMBERS);
  const kept = lengthOf(present) > MAX_LENGTH ? present.filter((member) => member.length <= LONG_MEMBER) : present;
  while (lengthOf(kept) > MAX_LENGTH) kept.pop();
  return kept.join(",");
}

const lengthOf = (members: readonly string[]): number => members.reduce((sum, member) => sum + member.length + 1, -1);
