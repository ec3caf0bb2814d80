import { createBackoff } from "./backoff.js";
import type { Clock } from "./clock.js";
import type { ManagedProcess, ProcessExit } from "./process.js";

export type Supervisable = Pick<ManagedProcess, "exited" | "stop">;

/** How a process, or the attempt to start one, ended. */
export type Ending = ProcessExit | Error;

export interface SuperviseOptions<P extends Supervisable> {
  readonly start: () => Promise<P>;
  readonly clock: Clock;
  /** If false, an ended process is not started again. */
  readonly restart: boolean;
  /** False as long as the process was never ready. A process that ends before is not started again. */
  readonly served?: (() => boolean) | undefined;
  /**
   * Called at each end that `stop` did not cause, with the wait before the next start. The wait is undefined if it
   * is not started again.
   */
  readonly onEnd: (ending: Ending, restartInMs: number | undefined) => void;
}

export interface Supervisor<P extends Supervisable> {
  /** The process that runs now, or the last one. */
  readonly process: P;
  readonly restarts: number;
  /** False between the end of a process and the next start. */
  readonly up: boolean;
  /** True if the process ended and will not be started again. */
  readonly gaveUp: boolean;
  /** Starts the process again if it gave up. Otherwise it does nothing. */
  revive(): Promise<void>;
  /** Stops the process and does not start it again. Idempotent. */
  stop(): Promise<void>;
}

// The exit code of every service for invalid settings. The settings would be the same at the next start.
const EXIT_SETTINGS_FAULT = 2;

/**
 * Starts a process, and starts it again after a back-off (see Backoff) each time it ends, until `stop`. It does this
 * for every exit code except 2, as soon as `served` is true. Rejects if the first start fails. A later failed start is
 * retried.
 */
export async function supervise<P extends Supervisable>(options: SuperviseOptions<P>): Promise<Supervisor<P>> {
  const { clock } = options;
  const backoff = createBackoff();
  const stopping = new AbortController();
  let current = await options.start();
  let restarts = 0;
  let up = true;
  let gaveUp = false;

  const startAgain = async (): Promise<Ending | undefined> => {
    try {
      current = await options.start();
      restarts += 1;
      up = true;
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  };
  const watch = async (failedStart?: Ending) => {
    let failure = failedStart;
    for (;;) {
      const since = clock.now();
      const ending: Ending = failure ?? (await current.exited);
      up = false;
      if (stopping.signal.aborted) return;
      gaveUp =
        !options.restart ||
        options.served?.() === false ||
        (!(ending instanceof Error) && ending.code === EXIT_SETTINGS_FAULT);
      const delayMs = gaveUp ? undefined : backoff(clock.now() - since);
      options.onEnd(ending, delayMs);
      if (delayMs === undefined) return;
      await clock.sleep(delayMs, stopping.signal);
      if (stopping.signal.aborted) return;
      failure = await startAgain();
      // `stop` was called while this process was starting, so `stop` has stopped only the previous process.
      if (stopping.signal.aborted) await current.stop();
    }
  };
  let watching = watch();

  return {
    get process() {
      return current;
    },
    get restarts() {
      return restarts;
    },
    get up() {
      return up;
    },
    get gaveUp() {
      return gaveUp;
    },
    async revive() {
      if (!gaveUp || stopping.signal.aborted) return;
      gaveUp = false;
      const failure = await startAgain();
      if (stopping.signal.aborted) await current.stop();
      else watching = watch(failure);
    },
    async stop() {
      stopping.abort();
      await current.stop();
      await watching;
    },
  };
}
