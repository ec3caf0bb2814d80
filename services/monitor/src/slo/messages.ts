import type { HeartbeatRequest } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { type Counts, FAULTS, inTimeOf, lateOf, okWithin, TOTAL, UNAVAILABLE } from "./domain/counters.js";

/** The unary calls that agents make. Calls of operators, of which some read years of usage, are not promised anything. */
const API = "/ccsp.gateway.v1.AgentService/";

/** What a heartbeat says that concerns the objectives. Each counter only grows while the process runs. */
export function countersOf({ report, callBounds, calls, starts }: HeartbeatRequest): Counts {
  const counts = new Map<string, number>();
  const add = (counter: string, count: bigint): void => {
    if (count > 0n) counts.set(counter, (counts.get(counter) ?? 0) + Number(count));
  };
  if (report?.service === "gateway") {
    for (const { method, ok, unavailable, faults, total } of calls) {
      if (!method.startsWith(API)) continue;
      add(TOTAL, total);
      add(UNAVAILABLE, unavailable);
      add(FAULTS, faults);
      for (const [at, count] of ok.entries()) add(okWithin(callBounds[at]), count);
    }
  }
  if (report?.service === "queue") {
    for (const { class: priority, inTime, late } of starts) {
      add(inTimeOf(priority), inTime);
      add(lateOf(priority), late);
    }
  }
  return counts;
}
