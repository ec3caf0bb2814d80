import type { Redis } from "ioredis";

/** The cost of one operation, as the average of a run of many. */
export interface Sample {
  readonly perSecond: number;
  /** CPU of Redis' main thread, network included. */
  readonly redisMicros: number;
  /** CPU of this process. */
  readonly nodeMicros: number;
}

/** Measures `work`, which does `count` operations. */
export async function sample(redis: Redis, count: number, work: () => Promise<unknown>): Promise<Sample> {
  const redisBefore = await mainThreadMicros(redis);
  const nodeBefore = process.cpuUsage();
  const start = performance.now();
  await work();
  const ms = performance.now() - start;
  const node = process.cpuUsage(nodeBefore);
  const redisAfter = await mainThreadMicros(redis);
  return {
    perSecond: (count * 1000) / ms,
    redisMicros: (redisAfter - redisBefore) / count,
    nodeMicros: (node.user + node.system) / count,
  };
}

/** Calls `call` with 0 to `count` - 1, `concurrency` at a time. */
export async function inFlight(concurrency: number, count: number, call: (index: number) => Promise<unknown>) {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      await call(index);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
}

/** Measures `count` calls, one after another. Returns their durations in ms. */
export async function oneByOne(count: number, call: (index: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const start = performance.now();
    await call(index);
    times.push(performance.now() - start);
  }
  return times;
}

/** Picks the values in turn. */
export function pick<T>(values: readonly T[], index: number): T {
  const value = values[index % values.length];
  if (value === undefined) throw new Error("nothing to pick from");
  return value;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** NaN when there are no values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

export function medianSample(samples: readonly Sample[]): Sample {
  return {
    perSecond: median(samples.map((each) => each.perSecond)),
    redisMicros: median(samples.map((each) => each.redisMicros)),
    nodeMicros: median(samples.map((each) => each.nodeMicros)),
  };
}

/**
 * Adds the rate that the busier of Redis and Node could reach with a core to itself. That rate stays comparable on a
 * busy machine.
 */
export function describeSample({ perSecond, redisMicros, nodeMicros }: Sample): string {
  const [redis, node] = [redisMicros.toFixed(1), nodeMicros.toFixed(1)];
  const most = 1e6 / Math.max(redisMicros, nodeMicros);
  return `${perSecond.toFixed(0)}/s; CPU each: Redis ${redis} µs, Node ${node} µs, so at most ${most.toFixed(0)}/s`;
}

/** The median of the ratios within each round, because the other load of the machine changes from round to round. */
export function medianRatio(ours: readonly number[], theirs: readonly number[]): number {
  return median(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)));
}

export async function mainThreadMicros(redis: Redis): Promise<number> {
  const info = await redis.info("cpu");
  return 1e6 * (infoNumber(info, "used_cpu_user_main_thread") + infoNumber(info, "used_cpu_sys_main_thread"));
}

export function infoNumber(info: string, field: string): number {
  return Number(new RegExp(`^${field}:([0-9.]+)`, "m").exec(info)?.[1]);
}
