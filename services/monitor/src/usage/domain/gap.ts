/** A time in which events were lost before they were read. */
export interface Gap {
  /** The partition of the event stream. */
  readonly partition: number;
  /** Time of the last event before it, in ms. */
  readonly start: number;
  /** Time of the first event after it, in ms. It grows while the gap is `growing`. */
  readonly end: number;
  /**
   * - `growing`: events are being lost, or were until the monitor died.
   * - `filled`: every record of the queue from before the gap was there, and was counted.
   * - `incomplete`: the records of the queue do not reach back to before the gap.
   */
  readonly state: "growing" | "filled" | "incomplete";
  /** Number of attempts that were counted from the records of the queue. */
  readonly filledRuns: number;
}

/** What is known of gaps in one partition. */
export interface GapStore {
  /** Returns the time that is lost now, or undefined if the group can still read everything. */
  lostNow(partition: number): Promise<Pick<Gap, "start" | "end"> | undefined>;
  list(partition: number): Promise<Gap[]>;
  /** Stores the gap. It replaces the gap with the same start. */
  put(gap: Gap): Promise<void>;
  /** Whether this process may fill gaps of the partition now, so that replicas do not do the same work. */
  lock(partition: number): Promise<boolean>;
}
