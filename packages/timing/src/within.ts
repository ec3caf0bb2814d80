/** Calls `act` after `ms`. What it returns stops that; `act` may be called even so, and does nothing then. */
export type Timer = (ms: number, act: () => void) => () => void;

const systemTimer: Timer = (ms, act) => {
  const timer = setTimeout(act, ms);
  return () => clearTimeout(timer);
};

export interface WithinOptions {
  /** In place of the machine's clock. */
  readonly timer?: Timer;
  /** Aborted when `within` settles: give its signal to work that shall stop when it is late. Other work goes on, and its end is ignored. */
  readonly over?: AbortController | undefined;
}

/** What `work` comes to, if it does within `ms`; otherwise what `late` returns or throws. The timer never outlives it. */
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
