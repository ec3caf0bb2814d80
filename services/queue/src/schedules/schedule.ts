/** What to do about times that passed while no queue ran: go on, one task for all, or one for each. */
export const MISSED_RUNS = ["skip", "once", "all"] as const;
export type MissedRuns = (typeof MISSED_RUNS)[number];

/** A recurring task as it is stored. Times are ms since 1970 on Redis' clock. */
export interface Schedule {
  readonly agent: string;
  readonly name: string;
  readonly cron: string;
  readonly timeZone: string;
  /** What to run, in the form of the contract; nothing here looks into it. */
  readonly spec: string;
  readonly missed: MissedRuns;
  readonly paused: boolean;
  readonly created: number;
  /** Its next times, at most NEXT_TIMES. The first is the earliest that nobody has dealt with yet; empty while paused. */
  readonly next: readonly number[];
  /** The newest task that it made. */
  readonly lastTask?: string;
  /** The newest time for which a task was made or tried. */
  readonly lastRun?: number;
  /** Why the newest run made no task; absent when it did. */
  readonly fault?: string;
}

export const NEXT_TIMES = 5;
/** Schedules of one agent, and their bytes: a list of them has to fit into one message. */
export const MOST_SCHEDULES = 1_000;
export const MOST_SCHEDULE_BYTES = 8 * 1024 * 1024;

export type ScheduleName = Pick<Schedule, "agent" | "name">;

/** What schedules need of their storage. */
export interface ScheduleStore {
  /** Ms since 1970 on the clock that all replicas share. */
  now(): Promise<number>;
  find(which: ScheduleName): Promise<Schedule | undefined>;
  /** By name. */
  list(agent: string): Promise<readonly Schedule[]>;
  /** Those to look at by `atMs`, the longest due first. */
  due(atMs: number, count: number): Promise<readonly ScheduleName[]>;
  /** When the next one is to be looked at; undefined when none is. */
  nextLook(): Promise<number | undefined>;
  /**
   * Stores `after`, or forgets the schedule when there is none; only if what is stored is still `before`. `lookMs` is when
   * to look at it next; undefined: never. A new one, or one replaced by its agent (`bounded`), has to keep within the bounds.
   * `same`: it was stored like this already, by this call or another's.
   */
  swap(change: Swap): Promise<"ok" | "same" | "changed" | "full">;
  /** Looks at it again at `lookMs`, whatever it holds. */
  postpone(which: ScheduleName, lookMs: number): Promise<void>;
}

export interface Swap {
  readonly which: ScheduleName;
  readonly before: Schedule | undefined;
  readonly after: Schedule | undefined;
  readonly lookMs: number | undefined;
  readonly bounded: boolean;
}
