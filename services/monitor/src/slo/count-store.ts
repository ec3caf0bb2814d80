import { bindScript, oneOf, orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import { stateKey } from "../state/state-store.js";
import type { Counts } from "./domain/counters.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Minutes are kept for the longest window that is read from them, and an hour more. */
const MINUTES_KEPT_MS = 8 * HOUR_MS;
const HOURS_KEPT_MS = 32 * DAY_MS;
/**
 * How long a process is remembered after its last heartbeat. A process that is older than this and not known may have
 * been counted and forgotten, so only what it does from now on is counted.
 */
const COUNTED_KEPT_MS = 3 * DAY_MS;

export type Step = "minute" | "hour";

/** The counts of one minute or hour. */
export interface Bucket {
  readonly startMs: number;
  readonly counts: Counts;
}

/** The process that counts. */
export interface Source {
  readonly service: string;
  readonly instance: string;
  readonly bootId: string;
  readonly uptimeMs: number;
}

/** The counts of all processes, summed over minutes and hours. Any number of replicas may use it at once. */
export interface CountStore {
  /**
   * Takes the counters of a process. What was not counted before counts in the minute of `now`. The sum is exact when
   * reports are lost, repeated or come out of order, and when the process or the monitor starts again.
   */
  take(source: Source, counters: Counts, now: Date): Promise<void>;
  /** Returns the buckets from the one that holds `fromMs` to the one that holds `now`, oldest first. Empty ones are absent. */
  read(step: Step, fromMs: number, now: Date): Promise<readonly Bucket[]>;
}

const keyOf = { minute: "slo:minutes:", hour: "slo:hours:" } as const;
/** The time that one hash holds, and the time of one bucket in it. */
const spanOf = { minute: HOUR_MS, hour: DAY_MS } as const;
const stepOf = { minute: MINUTE_MS, hour: HOUR_MS } as const;

export function bindSloScripts(redis: RedisClient) {
  const file = new URL("../../lua/count_calls.lua", import.meta.url);
  return { countCalls: bindScript(redis, file, ["counted", "minutes", "hours"], oneOf("ok")) };
}

export function openCountStore(redis: RedisClient): CountStore {
  const { countCalls } = bindSloScripts(redis);
  const key = (step: Step, atMs: number): string => stateKey(`${keyOf[step]}${Math.floor(atMs / spanOf[step])}`);
  const bucketIn = (step: Step, atMs: number): string => String(Math.floor((atMs % spanOf[step]) / stepOf[step]));
  return {
    async take({ service, instance, bootId, uptimeMs }, counters, now) {
      if (counters.size === 0) return;
      const atMs = now.getTime();
      const keys = {
        counted: stateKey(`slo:counted:${service}:${instance}:${bootId}`),
        minutes: key("minute", atMs),
        hours: key("hour", atMs),
      };
      await orUnavailable(redis, () =>
        countCalls(
          keys,
          bucketIn("minute", atMs),
          bucketIn("hour", atMs),
          [COUNTED_KEPT_MS, MINUTES_KEPT_MS, HOURS_KEPT_MS].join(","),
          uptimeMs < COUNTED_KEPT_MS ? "1" : "0",
          ...[...counters].flat(),
        ),
      );
    },

    async read(step, fromMs, now) {
      const span = spanOf[step];
      const first = Math.floor(fromMs / span);
      const last = Math.floor(now.getTime() / span);
      const spans = Array.from({ length: last - first + 1 }, (_, at) => (first + at) * span);
      const found = await Promise.all(
        spans.map(async (startMs) =>
          bucketsOf(step, startMs, await orUnavailable(redis, () => redis.hgetall(key(step, startMs)))),
        ),
      );
      return found.flat().filter(({ startMs }) => startMs + stepOf[step] > fromMs && startMs <= now.getTime());
    },
  };
}

function bucketsOf(step: Step, spanStartMs: number, fields: Readonly<Record<string, string>>): Bucket[] {
  const buckets = new Map<number, Map<string, number>>();
  for (const [field, count] of Object.entries(fields)) {
    const colon = field.indexOf(":");
    const startMs = spanStartMs + Number(field.slice(0, colon)) * stepOf[step];
    const counts = buckets.get(startMs) ?? new Map<string, number>();
    buckets.set(startMs, counts);
    counts.set(field.slice(colon + 1), Number(count));
  }
  return [...buckets].map(([startMs, counts]) => ({ startMs, counts })).sort((a, b) => a.startMs - b.startMs);
}
