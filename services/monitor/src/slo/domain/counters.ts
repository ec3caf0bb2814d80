import type { HeartbeatRequest } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";

/** Counts by the name of their counter. */
export type Counts = ReadonlyMap<string, number>;

/** The unary calls that agents make. Calls of operators, of which some read years of usage, are not promised anything. */
const API = "/ccsp.gateway.v1.AgentService/";

export const TOTAL = "total";
export const UNAVAILABLE = "unavailable";
export const FAULTS = "faults";
const OK = "ok:";
/** Calls that were answered with OK, slower than the last bound. */
const SLOWEST = `${OK}inf`;
const STARTS = "starts:";

export const inTimeOf = (priority: string): string => `${STARTS}${priority}:in-time`;
export const lateOf = (priority: string): string => `${STARTS}${priority}:late`;

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
      for (const [at, count] of ok.entries()) {
        const bound = callBounds[at];
        add(bound === undefined ? SLOWEST : `${OK}${bound}`, count);
      }
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

/** How many calls were answered with OK, and how many of them within so many seconds. */
export function answeredWithin(counts: Counts, seconds: number): { readonly total: number; readonly within: number } {
  const ok = durations(counts);
  const sum = (bounds: typeof ok) => bounds.reduce((total, { count }) => total + count, 0);
  return { total: sum(ok), within: sum(ok.filter((each) => each.seconds <= seconds)) };
}

/** The lowest bound within which this share of the calls was answered. Infinity: beyond the last one. */
export function quantile(counts: Counts, share: number): number | undefined {
  const ok = durations(counts);
  const total = ok.reduce((sum, { count }) => sum + count, 0);
  let upTo = 0;
  return ok.find(({ count }) => (upTo += count) >= share * total && total > 0)?.seconds;
}

function durations(counts: Counts): readonly { readonly seconds: number; readonly count: number }[] {
  return [...counts]
    .flatMap(([counter, count]) =>
      counter.startsWith(OK)
        ? [{ seconds: counter === SLOWEST ? Number.POSITIVE_INFINITY : Number(counter.slice(OK.length)), count }]
        : [],
    )
    .sort((a, b) => a.seconds - b.seconds);
}
