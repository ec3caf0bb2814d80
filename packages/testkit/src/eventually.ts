import { setTimeout as sleep } from "node:timers/promises";

const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 50;
// For a machine that does other things too: only a failure takes so long.
const TIMEOUT_MS = 15_000;

/**
 * Repeats `check` until it neither throws nor rejects, and answers what it answered. After `timeoutMs` (15 s) the last error
 * is thrown, with `what` in front of its message; a check that never settles fails in the same way.
 */
export async function eventually<T>(
  check: () => Promise<T> | T,
  options: { timeoutMs?: number; what?: string } = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const deadline = AbortSignal.timeout(timeoutMs);
  const endless = new Error("the check itself did not end");
  const late = new Promise<never>((_resolve, reject) => {
    deadline.addEventListener("abort", () => reject(endless), { once: true });
  });
  late.catch(() => {});
  let last: unknown;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return await Promise.race([check(), late]);
    } catch (error) {
      // A check that was cut short says less than one that failed before.
      if (error !== endless) last = error;
      if (deadline.aborted) throw explained(last ?? endless, options.what ?? "what was awaited", timeoutMs);
    }
    await sleep(pause);
  }
}

/** Keeps the error's own class and fields, so that a test runner still shows its diff. */
function explained(error: unknown, what: string, timeoutMs: number): unknown {
  if (!(error instanceof Error)) return error;
  error.message = `${what} did not come within ${timeoutMs} ms: ${error.message}`;
  return error;
}
