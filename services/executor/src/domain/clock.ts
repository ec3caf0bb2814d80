import { pause, type Timer } from "@ccsp/timing";

/** Time as the executor's rules see it, so that tests own it. */
export interface Clock {
  /** Milliseconds that only grow; not a date. */
  now(): number;
  /** Milliseconds since the epoch. */
  date(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. Never rejects. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  wait: pause,
};

/** This clock for `within`; the time counts as over, too, when `ended` aborts. */
export const timerOf =
  (clock: Clock, ended?: AbortSignal): Timer =>
  (ms, act) => {
    const stopped = new AbortController();
    void clock.wait(ms, ended ? AbortSignal.any([stopped.signal, ended]) : stopped.signal).then(act);
    return () => stopped.abort();
  };
