import { doneUpTo, dueRuns } from "./plan.js";
import type { Schedule, ScheduleName, ScheduleStore } from "./schedule.js";

/** What came of asking for a run's task. */
export type Made =
  /** Whoever made it; an id that is not known any more is absent. */
  | { readonly task: string | undefined }
  /** `retryMs`: worth asking again, after this time. */
  | { readonly fault: string; readonly retryMs?: number };

export interface RunDeps {
  readonly store: ScheduleStore;
  /**
   * Makes the task of a schedule for a time, exactly once however often it is asked for. Throws when that cannot even be
   * tried: everything is then as before.
   */
  readonly makeTask: (schedule: Schedule, timeMs: number) => Promise<Made>;
  readonly observer: ScheduleObserver;
}

/** What happened, for metrics: each counted by the one replica that recorded it. */
export interface ScheduleObserver {
  made(): void;
  /** A run that made no task; or not yet. */
  refused(): void;
}

const BATCH = 50;
// Well before its time would count as missed.
const POSTPONE_MS = 5_000;

/**
 * Makes the tasks of all schedules whose time has come. Answers how long until the next time, in ms; undefined when there is
 * none. Safe to run in every replica at once: a task is made once for a schedule and time, and what is recorded about it is
 * dropped when somebody else changed the schedule meanwhile.
 * One schedule that cannot be run keeps no other waiting: its fault is thrown, with the others', when the round is over.
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
  const next = await store.nextLook();
  return next === undefined ? undefined : Math.max(0, next - (await store.now()));
}

async function runOne({ store, makeTask, observer }: RunDeps, which: ScheduleName): Promise<void> {
  const before = await store.find(which);
  if (before === undefined) return;
  const now = await store.now();
  let schedule = before;
  let made = 0;
  let doneMs = now;
  let lookMs: number | undefined;
  for (const time of dueRuns(before, now)) {
    const outcome = await makeTask(before, time);
    const { fault: _, ...rest } = schedule;
    if ("fault" in outcome) {
      schedule = { ...rest, lastRun: time, fault: outcome.fault };
      if (outcome.retryMs === undefined) continue;
      doneMs = time - 1;
      lookMs = now + outcome.retryMs;
      break;
    }
    made++;
    schedule = { ...rest, lastRun: time, ...(outcome.task !== undefined && { lastTask: outcome.task }) };
  }
  const after = doneUpTo(lookMs === undefined ? schedule : { ...schedule, next: [] }, doneMs);
  // While a run is refused, the next time is looked at when it comes all the same.
  const coming = after.next.find((time) => time > now);
  lookMs = lookMs === undefined ? after.next[0] : Math.min(lookMs, coming ?? lookMs);
  if ((await store.swap({ which, before, after, lookMs, bounded: false })) !== "ok") return;
  for (let i = 0; i < made; i++) observer.made();
  if (after.fault !== undefined) observer.refused();
}
