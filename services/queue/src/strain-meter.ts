import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Strain } from "./domain/intake/breaker.js";

// The resolution is part of each sample.
const RESOLUTION_MS = 20;
const WINDOW_MS = 1_000;

/** Measures what the breaker looks at: the event loop's delay in the last whole second, and the calls that were begun. */
export function startStrainMeter() {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  let loopDelayMs = 0;
  const window = setInterval(() => {
    loopDelayMs = delays.count > 0 ? Math.max(0, delays.mean / 1e6 - RESOLUTION_MS) : 0;
    delays.reset();
  }, WINDOW_MS);
  window.unref();
  // In the order in which they began.
  const calls = new Set<{ readonly startMs: number }>();

  return {
    measure(): Strain {
      const [oldest] = calls;
      const oldestCallMs = oldest === undefined ? 0 : performance.now() - oldest.startMs;
      return { loopDelayMs, oldestCallMs, callsUnderWay: calls.size };
    },

    /** A call begins; what is returned is to be called when it ends. */
    begin(): () => void {
      const call = { startMs: performance.now() };
      calls.add(call);
      return () => void calls.delete(call);
    },

    async close(): Promise<void> {
      clearInterval(window);
      delays.disable();
    },
  };
}
