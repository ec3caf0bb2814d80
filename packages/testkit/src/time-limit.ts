// Limits of time in tests. A limit says how long something may take on an idle machine. A busy machine gets more time:
// the limit is multiplied by one factor, which is measured while the test waits.

/** CPU time that a measurement uses. It is longer than a time slice of the kernel, so that it meets its competitors. */
const SPIN_MS = 40;
/** How long a measurement is valid. */
const VALID_MS = 3000;
/** A bound: a machine that is slower than this fails its tests. */
const MOST = 30;

// Tests may replace the global ones.
const { setTimeout: startTimer, clearTimeout: stopTimer, performance: clock } = globalThis;

let newest = { at: Number.NEGATIVE_INFINITY, slowness: 1 };

/**
 * Wall time by CPU time of this process while it wants a whole core: 1 on an idle machine, 3 where it gets a third of a
 * core. It holds up the event loop for 40 ms of CPU time, at most once in 3 s.
 */
export function slowness(): number {
  const now = clock.now();
  if (now - newest.at < VALID_MS) return newest.slowness;
  const cpuMs = cpuClock();
  const before = cpuMs();
  while (cpuMs() - before < SPIN_MS) for (let i = 0; i < 1000; i++);
  const end = clock.now();
  newest = { at: end, slowness: Math.min(Math.max((end - now) / (cpuMs() - before), 1), MOST) };
  return newest.slowness;
}

/** The CPU time of this thread, or that of the process before Node 22.19. */
function cpuClock(): () => number {
  const { threadCpuUsage } = process as { threadCpuUsage?: () => NodeJS.CpuUsage };
  const usage = threadCpuUsage?.bind(process) ?? process.cpuUsage.bind(process);
  return () => {
    const { user, system } = usage();
    return (user + system) / 1000;
  };
}

/** `ms`, or on a busy machine as much longer as the machine is slower now. For leases and clients' limits in tests. */
export function scaled(ms: number): number {
  return Math.round(ms * slowness());
}

/**
 * Calls `onOver` when `ms` have passed, as multiplied by the slowness in that time. The slowness is measured every 3 s,
 * and when the limit would be over; tests of this function replace `measure`. The result stops the clock.
 */
export function startTimeLimit(ms: number, onOver: () => void, measure = slowness): () => void {
  const began = clock.now();
  let sum = 0;
  let measured = 0;
  let timer: NodeJS.Timeout;
  const arm = (limitMs: number) => {
    timer = startTimer(look, Math.max(1, Math.min(limitMs - (clock.now() - began), VALID_MS)));
  };
  const look = () => {
    sum += measure();
    measured += 1;
    const limitMs = ms * (sum / measured);
    if (clock.now() - began >= limitMs - 1) onOver();
    else arm(limitMs);
  };
  arm(ms);
  return () => stopTimer(timer);
}
