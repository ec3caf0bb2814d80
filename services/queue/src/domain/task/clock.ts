/** The clock by which the times of tasks count. */
export interface Clock {
  /** Ms since 1970 on the clock by which this task's times count: that of the Redis it is in. */
  now(id: string): Promise<number>;
}
