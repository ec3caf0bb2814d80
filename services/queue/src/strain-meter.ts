import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Strain } from "./domain/intake/breaker.js";

// Each sample includes the resolution, so it is subtracted below.
const RESOLUTION_MS = 20;
const WINDOW_MS = 1_000;

/** Measures the load for the breaker: the event loop's delay in the last whole second, and the calls under way. */
export function startStrainMeter() {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  let loopDelayMs = 0;
  const window = setInterval(() => {
    loopDelayMs = delays.count > 0 ? Math.max(0, delays.mean / 1e6 - RESOLUTION_MS) : 0;
    delays.reset();
  }, WINDOW_MS);
  window.unref();
  // A Set keeps the order in which the calls began.
  const calls = new Set<{ readonly startMs: number }>();

  return {
    measure(): Strain {
      const [oldest] = calls;
      const oldestCallMs = oldest === undefined ? 0 : performance.now() - oldest.startMs;
      return { loopDelayMs, oldestCallMs, callsUnderWay: calls.size };
    },

    /** Notes that a call begins. The caller must call the returned function when the call ends. */
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
