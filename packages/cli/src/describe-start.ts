import type { Explanation } from "@ccsp/client";
import type { Blocker, StartEstimate } from "@ccsp/protos/ccsp/task/v1/explanation.js";
import { seconds, stateName } from "./describe.js";

/** One line for each blocker. The first in the list has to end first. */
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

/** `own` says how the reader is related to the tasks of the same agent: "your own" for the agent itself. */
export function explanationLines(explanation: Explanation, own = "your own"): string[] {
  const { state, aheadInClass, aheadOfAgent, blockers, earliestStartTime, estimate } = explanation;
  const told = [`state       ${stateName(state)}`];
  if (aheadInClass === undefined) return [...told, "it does not wait"];
  told.push(`older       ${aheadInClass} waiting in its class, ${aheadOfAgent ?? 0n} of them ${own}`);
  told.push(...(blockers.length === 0 ? ["blocked by  nothing: it is next"] : blockerLines(blockers)));
  if (earliestStartTime) told.push(`not before  ${earliestStartTime.toISOString()}`);
  return [...told, `starts in   ${startWords(estimate)}`];
}
