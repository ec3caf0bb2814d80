import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";

/** Runs `round` each `everyMs`, never two at once. A round that fails is logged once and tried again at the next time. */
export function startReaping(round: () => Promise<void>, { everyMs, log }: { everyMs: number; log: Logger }) {
  const stop = new AbortController();
  const loop = async (): Promise<void> => {
    let failing = false;
    while (!stop.signal.aborted) {
      try {
        await round();
        failing = false;
      } catch (err) {
        if (!failing) log.warn({ err }, "reaping failed, trying again");
        failing = true;
      }
      await delay(everyMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  const running = loop();
  return {
    async close(): Promise<void> {
      stop.abort();
      await running;
    },
  };
}
