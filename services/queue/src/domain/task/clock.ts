/** The clock by which the times of tasks count. */
export interface Clock {
  /** Ms since 1970 on the clock of the Redis that stores this task. `""`: the first shard. */
  now(id: string): Promise<number>;
}
