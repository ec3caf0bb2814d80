import type { Logger } from "pino";
import type { Wakes } from "../domain/wakes/wakes.js";
import { SCHEDULES_TOPIC } from "./schedule-store.js";

/** A wake-up can be lost, so the loop also runs a round this often. */
const TICK_MS = 5_000;

/**
 * Runs `round` when a schedule's time has come, or when a schedule was changed. `round` returns the ms until the next
 * time. Two rounds never run at the same time. The loop logs a failed round once and tries again after a tick.
 */
export function startScheduling(
  round: () => Promise<number | undefined>,
  { wakes, log, tickMs = TICK_MS }: { wakes: Wakes; log: Logger; tickMs?: number },
): { close(): Promise<void> } {
  const stop = new AbortController();
  const loop = async (): Promise<void> => {
    const listener = wakes.listen([SCHEDULES_TOPIC]);
    let failing = false;
    while (!stop.signal.aborted) {
      let waitMs = tickMs;
      try {
        waitMs = Math.min((await round()) ?? tickMs, tickMs);
        failing = false;
      } catch (err) {
        if (!failing) log.warn({ err }, "running schedules failed, trying again");
        failing = true;
      }
      await listener.next(waitMs, stop.signal);
    }
    listener.close();
  };
  const running = loop();
  return {
    async close() {
      stop.abort();
      await running;
    },
  };
}
