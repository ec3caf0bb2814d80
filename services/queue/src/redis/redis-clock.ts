import { setTimeout as delay } from "node:timers/promises";

/** A host's clock drifts by less than 1 ms in this time. A failover may give Redis the clock of another host. */
const EVERY_MS = 10_000;
/** An answer that took longer is not used, because it is too inexact. */
const LONGEST_MS = 1_000;

/** Redis' time without a call to Redis. It is read every 10 s, and a monotonic clock of this process continues it. */
export interface RedisClock {
  /** In ms since 1970. It is this host's time until Redis has answered once. */
  now(): number;
  close(): Promise<void>;
}

export interface RedisClockOptions {
  readonly read: () => Promise<number>;
  /** Called after each read with how far this host's clock is ahead, in ms; negative when it is behind. */
  readonly onAhead: (ms: number) => void;
}

/** Resolves after the first read, even when it failed. */
export async function openRedisClock({ read, onAhead }: RedisClockOptions): Promise<RedisClock> {
  const stop = new AbortController();
  let aheadOfMonotonicMs = Date.now() - performance.now();
  const now = () => performance.now() + aheadOfMonotonicMs;

  async function measure(): Promise<void> {
    const asked = performance.now();
    const redisMs = await read();
    const tookMs = performance.now() - asked;
    if (tookMs > LONGEST_MS) return;
    // Redis read its clock at some moment in this time. The middle has the smallest error.
    aheadOfMonotonicMs = redisMs - (asked + tookMs / 2);
    onAhead(Date.now() - now());
  }

  async function loop(): Promise<void> {
    while (!stop.signal.aborted) {
      await delay(EVERY_MS, undefined, { signal: stop.signal, ref: false }).catch(() => undefined);
      // A failed read changes nothing: the time goes on by the monotonic clock.
      if (!stop.signal.aborted) await measure().catch(() => undefined);
    }
  }

  await measure().catch(() => undefined);
  const looping = loop();
  return {
    now,
    async close() {
      stop.abort();
      await looping;
    },
  };
}
