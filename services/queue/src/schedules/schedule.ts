/**
 * What to do about times that passed while no queue ran: make no task, one task for all of them, or one task for each.
 */
export const MISSED_RUNS = ["skip", "once", "all"] as const;
export type MissedRuns = (typeof MISSED_RUNS)[number];

/** A recurring task in its stored form. Times are ms since 1970 on Redis' clock. */
export interface Schedule {
  readonly agent: string;
  readonly name: string;
  readonly cron: string;
  readonly timeZone: string;
  /** The TaskSpec of its tasks, in the form of the contract. Only the message code decodes it. */
  readonly spec: string;
  readonly missed: MissedRuns;
  readonly paused: boolean;
  readonly created: number;
  /** The next times, at most NEXT_TIMES. The first is the earliest that is not handled yet. Empty while paused. */
  readonly next: readonly number[];
  /** The newest task that it made. */
  readonly lastTask?: string;
  /** The newest time for which a task was made or tried. */
  readonly lastRun?: number;
  /** Why the newest run made no task. Absent when it made one. */
  readonly fault?: string;
}

/** The fields of a schedule that its agent sets. */
export type AskedSchedule = Omit<Schedule, "created" | "next" | "lastTask" | "lastRun" | "fault">;

export const NEXT_TIMES = 5;
/** Bounds on the schedules of one agent and on their bytes, because a list of them has to fit into one message. */
export const MOST_SCHEDULES = 1_000;
export const MOST_SCHEDULE_BYTES = 8 * 1024 * 1024;

export type ScheduleName = Pick<Schedule, "agent" | "name">;

/** The storage that schedules need. */
export interface ScheduleStore {
  /** Ms since 1970 on the clock that all replicas share. */
  now(): Promise<number>;
  find(which: ScheduleName): Promise<Schedule | undefined>;
  /** Sorted by name. */
  list(agent: string): Promise<readonly Schedule[]>;
  /** At most `count` schedules that must be checked by `atMs`, the one that is due longest first. */
  due(atMs: number, count: number): Promise<readonly ScheduleName[]>;
  /** When the next schedule must be checked. Undefined when none must be. */
  nextCheck(): Promise<number | undefined>;
  /**
   * Stores `after`, or deletes the schedule when `after` is undefined. It does so only if what is stored is still
   * `before`. `checkMs` is the time of the next check; undefined: never. With `bounded`, for a schedule that its agent
   * stores, the agent's bounds apply. `same`: exactly this is stored already, by this call or another one.
   */
  swap(change: Swap): Promise<"ok" | "same" | "changed" | "full">;
  /** Sets the time of the next check to `checkMs`, whatever the schedule holds. */
  postpone(which: ScheduleName, checkMs: number): Promise<void>;
}

export interface Swap {
  readonly which: ScheduleName;
  readonly before: Schedule | undefined;
  readonly after: Schedule | undefined;
  readonly checkMs: number | undefined;
  readonly bounded: boolean;
}
