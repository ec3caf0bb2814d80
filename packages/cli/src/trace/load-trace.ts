import { pause } from "@ccsp/timing";
import { type FoundTrace, findTrace, traceTree } from "@ccsp/trace-store";

/** What is known about the task of a trace. */
export interface TaskFacts {
  /** Undefined while the task has not ended. */
  readonly endTime: Date | undefined;
  readonly attempts: number;
}

export interface LoadOptions {
  readonly socket: string;
  readonly traceId: string;
  /** Undefined when only the trace id is known. */
  readonly task: TaskFacts | undefined;
}

export interface LoadedTrace extends FoundTrace {
  /** False when spans are missing that are expected to come, or that were dropped. */
  readonly complete: boolean;
}

/** The services of a local fleet export once per second. The last export may take some time too. */
const LATE_MS = 3_000;
const POLL_MS = 200;

/** Time and `find` can be replaced in tests. */
export interface LoadPorts {
  readonly find: typeof findTrace;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
}

const PORTS: LoadPorts = {
  find: findTrace,
  now: Date.now,
  sleep: pause,
};

/**
 * Reads a trace. Shortly after the end of the task, looks again until its last spans have arrived. It pauses between
 * its looks until 3 s after the end. For a task that has not ended, it pauses 3 s at most, and for the first span only:
 * the others come when they end.
 */
export async function loadTrace(options: LoadOptions, { find, now, sleep }: LoadPorts = PORTS): Promise<LoadedTrace> {
  const { socket, traceId, task } = options;
  const hasEnded = task === undefined || task.endTime !== undefined;
  // Only pauses count. While the machine stands still or the store is slow, no spans come either.
  let leftMs = Math.min(task?.endTime?.getTime() ?? now(), now()) + LATE_MS - now();
  for (;;) {
    const found = await find(socket, traceId);
    const complete = hasEnded && isComplete(found, task?.attempts ?? 0);
    const enough = hasEnded ? complete : found.spans.length > 0;
    if (enough || leftMs <= 0) return { ...found, complete };
    await sleep(POLL_MS);
    leftMs -= POLL_MS;
  }
}

function isComplete({ spans, droppedSpans }: FoundTrace, attempts: number): boolean {
  if (spans.length === 0 || droppedSpans > 0) return false;
  const found = spans.filter(({ name }) => name === "task.attempt").length;
  return found >= attempts && traceTree(spans).every(({ parentMissing }) => !parentMissing);
}
