const STEP_MS = 20;

/**
 * The outcome of `work` if it settles within `ms` of the time in which this process runs, and otherwise an error. A
 * pause of the machine counts as one step of it: timers that are overdue fire before an answer that has arrived is read.
 */
export async function withinRunningTime<T>(ms: number, work: Promise<T>): Promise<T> {
  let clock: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    let ranMs = 0;
    clock = setInterval(() => {
      ranMs += STEP_MS;
      if (ranMs >= ms) reject(new Error(`it took more than ${ms} ms`));
    }, STEP_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearInterval(clock);
  }
}
