import { pause, type Timer } from "@ccsp/timing";

/** Time for the executor's rules. Tests replace it with a clock that they control. */
export interface Clock {
  /** Milliseconds that only increase. This is not a date. */
  now(): number;
  /** Milliseconds since the epoch. */
  date(): number;
  /** Resolves after `ms`, or immediately when `signal` aborts. Never rejects. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  wait: pause,
};

/** Makes a timer for `within` from this clock. The time also counts as over when `ended` aborts. */
export const timerOf =
  (clock: Clock, ended?: AbortSignal): Timer =>
  (ms, act) => {
    const stopped = new AbortController();
    void clock.wait(ms, ended ? AbortSignal.any([stopped.signal, ended]) : stopped.signal).then(act);
    return () => stopped.abort();
  };
