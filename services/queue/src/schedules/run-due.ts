import { doneUpTo, dueRuns } from "./plan.js";
import type { Schedule, ScheduleName, ScheduleStore } from "./schedule.js";

/** The outcome of the request for a run's task. */
export type Made =
  /** The id of the task, whichever replica made it. Undefined when the id is not known any more. */
  | { readonly task: string | undefined }
  /** `retryMs`: the request may succeed after this time. Absent: it is not tried again. */
  | { readonly fault: string; readonly retryMs?: number };

export interface RunDeps {
  readonly store: ScheduleStore;
  /**
   * Makes the task of a schedule for a time, exactly once however often it is called. Throws when it cannot even try;
   * then nothing has changed.
   */
  readonly makeTask: (schedule: Schedule, timeMs: number) => Promise<Made>;
  readonly observer: ScheduleObserver;
}

/** Notified of each outcome, for metrics. Only the replica that recorded an outcome counts it. */
export interface ScheduleObserver {
  made(): void;
  /** A run that made no task, or has not made one yet. */
  refused(): void;
}

const BATCH = 50;
// Much less than the time after which a run counts as missed.
const POSTPONE_MS = 5_000;

/**
 * Makes the tasks of all schedules whose time has come. Returns the time until the next one, in ms; undefined when
 * there is none. Safe to run in every replica at the same time: a schedule and a time make one task. What a replica
 * recorded about it is dropped when another caller changed the schedule meanwhile. A schedule that cannot be run does
 * not delay the others: its fault is thrown, together with theirs, at the end of the round.
 */
export async function runDue(deps: RunDeps): Promise<number | undefined> {
  const { store } = deps;
  const faults: unknown[] = [];
  const due = await store.due(await store.now(), BATCH);
  await Promise.all(
    due.map(async (which) => {
      try {
        await runOne(deps, which);
      } catch (fault) {
        faults.push(fault);
        await store.postpone(which, (await store.now()) + POSTPONE_MS);
      }
    }),
  );
  if (faults.length > 0) throw new AggregateError(faults, `${faults.length} schedules could not be run`);
  const next = await store.nextCheck();
  return next === undefined ? undefined : Math.max(0, next - (await store.now()));
}

async function runOne({ store, makeTask, observer }: RunDeps, which: ScheduleName): Promise<void> {
  const before = await store.find(which);
  if (before === undefined) return;
  const now = await store.now();
  let schedule = before;
  let made = 0;
  let doneMs = now;
  let checkMs: number | undefined;
  for (const time of dueRuns(before, now)) {
    const outcome = await makeTask(before, time);
    const { fault: _, ...rest } = schedule;
    if ("fault" in outcome) {
      schedule = { ...rest, lastRun: time, fault: outcome.fault };
      if (outcome.retryMs === undefined) continue;
      doneMs = time - 1;
      checkMs = now + outcome.retryMs;
      break;
    }
    made++;
    schedule = { ...rest, lastRun: time, ...(outcome.task !== undefined && { lastTask: outcome.task }) };
  }
  const after = doneUpTo(checkMs === undefined ? schedule : { ...schedule, next: [] }, doneMs);
  // While a run is refused, the schedule is still checked when its next time comes.
  const coming = after.next.find((time) => time > now);
  checkMs = checkMs === undefined ? after.next[0] : Math.min(checkMs, coming ?? checkMs);
  if ((await store.swap({ which, before, after, checkMs, bounded: false })) !== "ok") return;
  for (let i = 0; i < made; i++) observer.made();
  if (after.fault !== undefined) observer.refused();
}
