import { type OnProgress, stopwatch } from "./progress.js";
import { type ServiceName, STOP_ORDER } from "./services.js";
import type { Running } from "./unit-process.js";

const ONE_BY_ONE: readonly (readonly ServiceName[])[] = STOP_ORDER.map((name) => [name]);
const QUEUE_LAST: readonly (readonly ServiceName[])[] = [STOP_ORDER.filter((name) => name !== "queue"), ["queue"]];
const ALL_AT_ONCE: readonly (readonly ServiceName[])[] = [STOP_ORDER];

/**
 * Stops all processes in the order of `STOP_ORDER`. With `quickly`, all at once if no executor was ready yet, so that no
 * task runs. If one was, the queue stops last: executors give their tasks back to it.
 */
export async function stopUnits(
  running: readonly Running[],
  { quickly, onProgress }: { readonly quickly: boolean; readonly onProgress: OnProgress },
): Promise<void> {
  for (const { firstStart } of running) firstStart.stop();
  const executing = running.some((each) => isOneOf(["executor"], each) && each.firstStart.served);
  const quickOrder = executing ? QUEUE_LAST : ALL_AT_ONCE;
  for (const names of quickly ? quickOrder : ONE_BY_ONE) {
    await Promise.all(running.filter((each) => isOneOf(names, each)).map((each) => stopUnit(each, onProgress)));
  }
}

/** A process of several services counts as its first one. */
const isOneOf = (names: readonly ServiceName[], { unit }: Running): boolean =>
  unit.parts.slice(0, 1).some(({ name }) => names.includes(name));

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
