import { GetGlobalMetricsResponse } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { pause } from "@ccsp/timing";

const EVERY_MS = 2_000;
/** Less than the pause of a stream, because its timer may fire a little early. */
const FRESH_MS = 1_900;

export interface FeedTimes {
  readonly nowMs: () => number;
  /** Resolves when a stream may send again, or when the signal aborts. */
  readonly pause: (signal: AbortSignal) => Promise<void>;
}

const REAL_TIMES: FeedTimes = {
  nowMs: () => performance.now(),
  pause: (signal) => pause(EVERY_MS, signal),
};

/**
 * Yields the metrics at once, and then each time that they have changed, at most every two seconds. They are read once
 * for all streams, and never while there is no stream. A slow client gets the newest metrics: nothing piles up.
 */
export function createMetricsFeed(read: () => Promise<GetGlobalMetricsResponse>, times: FeedTimes = REAL_TIMES) {
  const readNow = async () => {
    const metrics = await read();
    // The time alone is not a change.
    const bytes = Buffer.from(GetGlobalMetricsResponse.encode({ ...metrics, time: undefined }).finish());
    return { metrics, bytes };
  };
  let newest: { readonly atMs: number; readonly reading: ReturnType<typeof readNow> } | undefined;
  const fresh = () => {
    const atMs = times.nowMs();
    if (newest === undefined || atMs - newest.atMs >= FRESH_MS) newest = { atMs, reading: readNow() };
    return newest.reading;
  };

  return async function* watchMetrics(signal: AbortSignal): AsyncGenerator<GetGlobalMetricsResponse, void> {
    let sent: Buffer | undefined;
    while (!signal.aborted) {
      const { metrics, bytes } = await fresh();
      if (sent === undefined || !bytes.equals(sent)) {
        yield metrics;
        sent = bytes;
      }
      await times.pause(signal);
    }
  };
}
