import { type OnProgress, stopwatch } from "./progress.js";
import { type ServiceName, STOP_ORDER } from "./services.js";
import type { Running } from "./unit-process.js";

/**
 * Stops all processes in the order of `STOP_ORDER`. With `quickly`, all at once: no executor was ready, so no task runs.
 * If one was, the queue still stops last, because executors give their tasks back to it.
 */
export async function stopUnit({ unit, supervisor }: Running, onProgress: OnProgress): Promise<void> {
  await reportedStop(unit.name, () => supervisor.stop(), onProgress);
}

/** Stops a part, and reports when it begins and when it is done. */
export async function reportedStop(part: string, stop: () => Promise<void>, onProgress: OnProgress): Promise<void> {
  const seconds = stopwatch();
  onProgress({ part, state: "stopping", seconds: 0 });
  await stop();
  onProgress({ part, state: "stopped", seconds: seconds() });
}
