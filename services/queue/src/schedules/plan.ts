import { timesAfter, timesUpTo } from "./cron.js";
import { type AskedSchedule, NEXT_TIMES, type Schedule } from "./schedule.js";

/** Most missed times for which tasks are made after an outage. When more were missed, only the newest count. */
const MOST_CAUGHT_UP = 100;
/**
 * A run that is less late than this is not missed. So a restart of the queue within this time loses no run, whatever
 * the schedule says about missed runs.
 */
const ON_TIME_MS = 60_000;

/** The times for which a task is to be made now, in order. */
export function dueRuns(schedule: Schedule, nowMs: number): readonly number[] {
  const [first, second] = schedule.next;
  if (first === undefined || first > nowMs) return [];
  const several = second === undefined || second <= nowMs;
  const most = schedule.missed === "all" ? MOST_CAUGHT_UP : 1;
  const passed = several ? timesUpTo(schedule, nowMs, most).filter((time) => time >= first) : [first];
  if (schedule.missed !== "skip") return passed;
  // A refused run is tried again until the next time comes, so it does not count as missed.
  const refused = schedule.fault === undefined ? undefined : schedule.lastRun;
  return passed.filter((time) => nowMs - time <= ON_TIME_MS || time === refused);
}

/** The schedule after all times up to `ms` are handled. */
export function doneUpTo(schedule: Schedule, ms: number): Schedule {
  if (schedule.paused) return { ...schedule, next: [] };
  const kept = schedule.next.filter((time) => time > ms);
  const more = kept.length < NEXT_TIMES ? timesAfter(schedule, kept.at(-1) ?? ms, NEXT_TIMES - kept.length) : [];
  return { ...schedule, next: [...kept, ...more] };
}

/**
 * What is stored when an agent stores `asked` in place of `before`. The facts about the last run stay. A time that is
 * due and not handled yet stays too, if both schedules have the same times. Otherwise only later times count: storing a
 * schedule starts nothing.
 */
export function replaced(before: Schedule | undefined, asked: AskedSchedule, nowMs: number): Schedule {
  const sameTimes =
    before !== undefined && !before.paused && before.cron === asked.cron && before.timeZone === asked.timeZone;
  const { lastTask, lastRun, fault } = before ?? {};
  const stored = {
    ...asked,
    created: before?.created ?? nowMs,
    next: sameTimes && !asked.paused ? before.next : [],
    ...(lastTask !== undefined && { lastTask }),
    ...(lastRun !== undefined && { lastRun }),
    ...(fault !== undefined && { fault }),
  };
  return stored.next.length > 0 ? stored : doneUpTo(stored, nowMs);
}
