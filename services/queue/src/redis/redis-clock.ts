import { setTimeout as delay } from "node:timers/promises";

/** A clock of this host drifts by less than a millisecond in this time; another one may become Redis' by a failover. */
const EVERY_MS = 10_000;
/** An answer that took longer says too little. */
const LONGEST_MS = 1_000;

/** Redis' time without asking for it: asked for every ten seconds, and reckoned on by a clock that only grows. */
export interface RedisClock {
  /** In ms since the epoch; by this host's clock until Redis has answered once. */
  now(): number;
  close(): Promise<void>;
}

export interface RedisClockOptions {
  readonly read: () => Promise<number>;
  /** Each time that it was asked: how far this host's clock is ahead. */
  readonly onAhead: (ms: number) => void;
}

/** Resolves when Redis was asked once, whether it answered or not. */
export async function openRedisClock({ read, onAhead }: RedisClockOptions): Promise<RedisClock> {
  const stop = new AbortController();
  let aheadOfMonotonicMs = Date.now() - performance.now();
  const now = () => performance.now() + aheadOfMonotonicMs;

  async function measure(): Promise<void> {
    const asked = performance.now();
    const redisMs = await read();
    const tookMs = performance.now() - asked;
    if (tookMs > LONGEST_MS) return;
    // It looked somewhere in between.
    aheadOfMonotonicMs = redisMs - (asked + tookMs / 2);
    onAhead(Date.now() - now());
  }

  async function loop(): Promise<void> {
    while (!stop.signal.aborted) {
      await delay(EVERY_MS, undefined, { signal: stop.signal, ref: false }).catch(() => undefined);
      // While Redis is away its time is reckoned on.
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
