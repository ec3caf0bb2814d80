import type { Random } from "@ccsp/e2e-kit/random.js";

/** The planned behaviour of an executor for one lease. */
export interface Plan {
  /** How long it holds the lease before the run starts, in ms. */
  readonly holdMs: number;
  /** The number of reports. The first report starts the run. */
  readonly reports: number;
  /** The time between reports, and before the end, in ms. */
  readonly stepMs: number;
  readonly end: End;
  /** It continues although the queue reported the lease as lost or cancelled. */
  readonly deaf: boolean;
  /** It reports its end twice, and then the opposite end. */
  readonly repeats: boolean;
}

/**
 * `limit`: fails with RATE_LIMIT. `forget`: drops the lease from its list and reports nothing. `zombie`: drops the
 * lease too, but continues and completes later.
 */
const ENDS = [
  { end: "complete", weight: 74 },
  { end: "fail", weight: 8 },
  { end: "limit", weight: 6 },
  { end: "refuse", weight: 1 },
  { end: "release", weight: 5 },
  { end: "forget", weight: 3 },
  { end: "zombie", weight: 3 },
] as const;
export type End = (typeof ENDS)[number]["end"];

/**
 * `leaseMs` is the duration of the queue's lease. Some holds and steps take a large part of it, so that only the
 * heartbeat keeps the lease.
 */
export function drawPlan(random: Random, leaseMs: number): Plan {
  const slow = random.chance(0.03);
  const { end } = random.weighted(ENDS);
  return {
    holdMs: random.chance(0.05) ? random.between(leaseMs / 10, leaseMs / 2) : 0,
    reports: end === "release" || end === "forget" ? random.between(0, 2) : random.between(1, 4),
    stepMs: slow ? random.between(leaseMs / 4, leaseMs / 2) : random.between(5, 80),
    end,
    deaf: random.chance(0.3),
    repeats: random.chance(0.1),
  };
}
