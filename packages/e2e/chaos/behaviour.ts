import type { Random } from "./random.js";

/** What an executor does with one lease. */
export interface Plan {
  /** How long it holds the lease before the run starts. */
  readonly holdMs: number;
  /** How often it reports; the first report starts the run. */
  readonly reports: number;
  /** Between reports, and before the end. */
  readonly stepMs: number;
  readonly end: End;
  /** Goes on although it was told that the lease is lost or cancelled. */
  readonly deaf: boolean;
  /** Says its end twice, and then the opposite. */
  readonly repeats: boolean;
}

/**
 * `limit`: fails with RATE_LIMIT. `forget`: leaves the lease out of its list without a word. `zombie`: the same, but goes on and
 * completes later.
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

/** `leaseMs` is the queue's lease: some holds and steps are longer, so that only the heartbeat keeps the lease. */
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
