import { setTimeout as sleep } from "node:timers/promises";
import { startTimeLimit } from "./time-limit.js";

const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 50;
// Only a failing check waits this long.
const TIMEOUT_MS = 15_000;

/**
 * Repeats `check` until it neither throws nor rejects, and returns its result. After `timeoutMs` (15 s by default; more
 * on a busy machine) it throws the last error, with `what` in front of the message. It fails in the same way if a check
 * never settles.
 */
export async function eventually<T>(
  check: () => Promise<T> | T,
  options: { timeoutMs?: number; what?: string } = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const endless = new Error("the check itself did not end");
  let over = false;
  let stop = () => {};
  const late = new Promise<never>((_resolve, reject) => {
    stop = startTimeLimit(timeoutMs, () => {
      over = true;
      reject(endless);
    });
  });
  late.catch(() => {});
  let last: unknown;
  try {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        return await Promise.race([check(), late]);
      } catch (error) {
        // An earlier failure says more than the timeout of a check that did not finish.
        if (error !== endless) last = error;
        if (over) throw explained(last ?? endless, options.what ?? "the awaited condition", timeoutMs);
      }
      await sleep(pause);
    }
  } finally {
    stop();
  }
}

/** Keeps the class and the fields of the error, so that a test runner still shows its diff. */
function explained(error: unknown, what: string, timeoutMs: number): unknown {
  if (!(error instanceof Error)) return error;
  error.message = `${what} did not come within ${timeoutMs} ms: ${error.message}`;
  return error;
}
