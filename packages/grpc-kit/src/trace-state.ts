const MAX_LENGTH = 512;
const MAX_MEMBERS = 32;
const LONG_MEMBER = 128;

/**
 * What is kept of a caller's `tracestate`: at most 32 members and 512 characters, as W3C Trace Context has it. Where that is too long, members of
 * more than 128 characters go first, then the last ones. A span holds it as long as it lives, and OpenTelemetry holds what came.
 */
export function boundTraceState(text: string): string {
  const members = text.split(",").map((member) => member.trim());
  const present = members.filter((member) => member !== "").slice(0, MAX_MEMBERS);
  const kept = lengthOf(present) > MAX_LENGTH ? present.filter((member) => member.length <= LONG_MEMBER) : present;
  while (lengthOf(kept) > MAX_LENGTH) kept.pop();
  return kept.join(",");
}

const lengthOf = (members: readonly string[]): number => members.reduce((sum, member) => sum + member.length + 1, -1);
