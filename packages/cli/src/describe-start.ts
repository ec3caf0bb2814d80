import type { Blocker, StartEstimate } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { seconds } from "./describe.js";

/** One line each, what has to go first at the front. */
export function blockerLines(blockers: readonly Blocker[]): string[] {
  return blockers.map(({ message, until }, i) => {
    const end = until === undefined ? "" : ` (until ${until.toISOString()})`;
    return (i === 0 ? "blocked by" : "").padEnd(12) + message + end;
  });
}

export function startWords(estimate: StartEstimate | undefined): string {
  if (estimate === undefined) return "unknown";
  const { p50, p90, p95 } = estimate;
  return `${seconds(p50)} as likely as not; 9 in 10 within ${seconds(p90)}, 19 in 20 within ${seconds(p95)}`;
}
