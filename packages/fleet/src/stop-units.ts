import { type OnProgress, stopwatch } from "./progress.js";
import { type ServiceName, STOP_ORDER } from "./services.js";
import type { Running } from "./unit-process.js";

/** Nobody uses the fleet yet, so the services that use the queue need no order among themselves. */
const QUICK_ORDER = [STOP_ORDER.filter((name) => name !== "queue"), ["queue"]] satisfies readonly ServiceName[][];

/** Stops all processes in the order of `STOP_ORDER`. With `quickly`, all at once but the queue, which stops last. */
export async function stopUnits(
  running: readonly Running[],
  { quickly, onProgress }: { readonly quickly: boolean; readonly onProgress: OnProgress },
): Promise<void> {
  for (const { firstStart } of running) firstStart.stop();
  for (const names of quickly ? QUICK_ORDER : STOP_ORDER.map((name) => [name])) {
    const named = running.filter(({ unit }) => names.some((name) => unit.parts[0]?.name === name));
    await Promise.all(named.map((each) => stopUnit(each, onProgress)));
  }
}

async function stopUnit({ unit, supervisor }: Running, onProgress: OnProgress): Promise<void> {
  await reportedStop(unit.name, () => supervisor.stop(), onProgress);
}

/** Stops a part, and reports when it begins and when it is done. */
export async function reportedStop(part: string, stop: () => Promise<void>, onProgress: OnProgress): Promise<void> {
  const seconds = stopwatch();
  onProgress({ part, state: "stopping", seconds: 0 });
  await stop();
  onProgress({ part, state: "stopped", seconds: seconds() });
}
