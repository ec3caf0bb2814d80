/** Calls `act` after `ms`. Returns a function that stops the timer. If `act` is called after that, it has no effect. */
export type Timer = (ms: number, act: () => void) => () => void;

const systemTimer: Timer = (ms, act) => {
  const timer = setTimeout(act, ms);
  return () => clearTimeout(timer);
};

export interface WithinOptions {
  /** Replaces the clock of the machine, for tests. */
  readonly timer?: Timer;
  /**
   * `within` aborts it when it settles. Pass its signal to work that must stop when it is late. Work without the signal
   * continues, and its outcome is ignored.
   */
  readonly over?: AbortController | undefined;
}

/**
 * The outcome of `work` if it settles within `ms`. Otherwise what `late` returns or throws. The timer is always stopped
 * before this settles.
 */
export async function within<T, L>(
  ms: number,
  work: Promise<T>,
  late: () => L,
  { timer = systemTimer, over }: WithinOptions = {},
): Promise<T | L> {
  let stop = () => {};
  const tooLong = new Promise<undefined>((resolve) => {
    stop = timer(ms, () => resolve(undefined));
  });
  try {
    const done = await Promise.race([work.then((value) => ({ value })), tooLong]);
    return done ? done.value : late();
  } finally {
    stop();
    over?.abort();
  }
}
