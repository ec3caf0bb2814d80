import { setTimeout as sleep } from "node:timers/promises";
import { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";

const EVERY_MS = 1_000;
// A status older than this is read again. It is less than the pause of a stream, because the timer of that pause may
// fire a little early. Even then the stream must get a new status.
const FRESH_MS = 900;

/**
 * Yields the status at once, and then each time that it has changed, at most once a second. Ends when `signal` aborts.
 */
export type StatusFeed = (signal: AbortSignal) => AsyncGenerator<GetStatusResponse, void>;

interface Times {
  readonly nowMs: () => number;
  /** Resolves after a second, or when the signal aborts. */
  readonly pause: (signal: AbortSignal) => Promise<void>;
}

const REAL_TIMES: Times = {
  nowMs: () => performance.now(),
  pause: (signal) => sleep(EVERY_MS, undefined, { signal }).catch(() => {}),
};

/**
 * Reads the status once for all streams: about once a second for any number of streams, and never while there is no
 * stream. Each stream takes the newest status when its client is ready for more. So no statuses pile up for a slow
 * client.
 */
export function createStatusFeed(read: () => Promise<GetStatusResponse>, { nowMs, pause } = REAL_TIMES): StatusFeed {
  const readNow = async () => {
    const status = await read();
    return { status, bytes: Buffer.from(GetStatusResponse.encode(status).finish()) };
  };
  let newest: { readonly atMs: number; readonly reading: ReturnType<typeof readNow> } | undefined;
  const fresh = () => {
    const atMs = nowMs();
    if (newest === undefined || atMs - newest.atMs >= FRESH_MS) newest = { atMs, reading: readNow() };
    return newest.reading;
  };

  return async function* watchStatus(signal) {
    let sent: Buffer | undefined;
    while (!signal.aborted) {
      const { status, bytes } = await fresh();
      if (sent === undefined || !bytes.equals(sent)) {
        yield status;
        sent = bytes;
      }
      await pause(signal);
    }
  };
}
