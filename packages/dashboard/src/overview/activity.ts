import type { Task } from "../routes.js";

/** How many tasks ran, waited and were held back at each of these times. */
export interface Activity {
  /** Milliseconds since the epoch. */
  readonly times: readonly number[];
  readonly running: readonly number[];
  readonly waiting: readonly number[];
  readonly heldBack: readonly number[];
}

const STEP_MS = 60_000;

/**
 * Counts the tasks at each full minute of the last hour and now, from their times. A task that was tried again counts as running
 * from its last start, because the list has no earlier ones; before that, it counts as waiting.
 */
export function activityOf(tasks: readonly Task[], now: number): Activity {
  const end = Math.floor(now / STEP_MS) * STEP_MS;
  const times = [...Array.from({ length: 60 }, (_, index) => end - (59 - index) * STEP_MS), now];
  const counts = { running: times.map(() => 0), waiting: times.map(() => 0), heldBack: times.map(() => 0) };
  for (const task of tasks) {
    const created = millisecondsOf(task.createTime) ?? Number.POSITIVE_INFINITY;
    const started = millisecondsOf(task.startTime);
    const ended = millisecondsOf(task.endTime) ?? Number.POSITIVE_INFINITY;
    const isHeld = task.state === "PARKED" || task.state === "SCHEDULED";
    for (const [index, at] of times.entries()) {
      if (at < created || at >= ended) continue;
      const hasStarted = started !== undefined && at >= started;
      const kind = isHeld && (hasStarted || started === undefined) ? "heldBack" : hasStarted ? "running" : "waiting";
      counts[kind][index] = (counts[kind][index] ?? 0) + 1;
    }
  }
  return { times, ...counts };
}

function millisecondsOf(at: string | undefined): number | undefined {
  return at === undefined ? undefined : Date.parse(at);
}
