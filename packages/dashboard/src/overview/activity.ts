import { inLine } from "../parts/waiting.js";
import type { Answer, QueueStatus } from "../routes.js";

export type QueueMinute = Answer<"GET /queue/history">["minutes"][number];

/** How many tasks ran, waited and were held back at each of these times. Undefined: nobody counted. */
export interface Activity {
  /** Milliseconds since the epoch. */
  readonly times: readonly number[];
  readonly running: readonly (number | undefined)[];
  readonly waiting: readonly (number | undefined)[];
  readonly heldBack: readonly (number | undefined)[];
}

const STEP_MS = 60_000;
const MINUTES = 60;

/**
 * The counts of the queue at each full minute of the last hour, and those of now. Newer minutes than the newest one that
 * was read are left out: they are on their way.
 */
export function activityOf(minutes: readonly QueueMinute[], queue: QueueStatus | undefined, now: number): Activity {
  const counted = new Map(minutes.map((minute) => [Date.parse(minute.time ?? ""), minute]));
  const last = Math.floor(now / STEP_MS) * STEP_MS;
  const newest = Math.max(...counted.keys());
  const times = Array.from({ length: MINUTES }, (_, index) => last - (MINUTES - 1 - index) * STEP_MS);
  const points = times.flatMap((at) => (at > newest && queue ? [] : [{ at, ...counted.get(at) }]));
  if (queue) {
    const { leased, parked, scheduled } = queue;
    points.push({ at: now, running: leased, waiting: inLine(queue), parked: parked + scheduled });
  }
  return {
    times: points.map(({ at }) => at),
    running: points.map(({ running }) => running),
    waiting: points.map(({ waiting }) => waiting),
    heldBack: points.map(({ parked }) => parked),
  };
}
