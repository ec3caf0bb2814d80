import { createBackoff } from "./backoff.js";
import type { Clock } from "./clock.js";
import type { ManagedProcess, ProcessExit } from "./process.js";

export type Supervisable = Pick<ManagedProcess, "exited" | "stop">;

/** How something ended: a process, or the attempt to start one. */
export type Ending = ProcessExit | Error;

export interface SuperviseOptions<P extends Supervisable> {
  readonly start: () => Promise<P>;
  readonly clock: Clock;
  /** False: a process that ended stays ended. */
  readonly restart: boolean;
  /** Told at each end that nobody asked for, with the wait before the next start: undefined when there will be none. */
  readonly onEnd: (ending: Ending, restartInMs: number | undefined) => void;
}

export interface Supervisor<P extends Supervisable> {
  /** The process that runs, or ran last. */
  readonly process: P;
  readonly restarts: number;
  /** False between its end and its next start. */
  readonly up: boolean;
  /** The process ended and will not be started again. */
  readonly gaveUp: boolean;
  /** Stops the process and starts it no more. Idempotent. */
  stop(): Promise<void>;
}

// Every service's answer to settings that it cannot run with. They would be the same at the next start.
const EXIT_SETTINGS_FAULT = 2;

/**
 * Starts a process, and starts it again after a wait (see Backoff) whenever it ends, whatever its exit code save 2, until stopped. Rejects
 * when the first start fails; later ones are tried again.
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
  const watch = async () => {
    let failure: Ending | undefined;
    for (;;) {
      const since = clock.now();
      const ending: Ending = failure ?? (await current.exited);
      up = false;
      if (stopping.signal.aborted) return;
      gaveUp = !options.restart || (!(ending instanceof Error) && ending.code === EXIT_SETTINGS_FAULT);
      const delayMs = gaveUp ? undefined : backoff(clock.now() - since);
      options.onEnd(ending, delayMs);
      if (delayMs === undefined) return;
      await clock.sleep(delayMs, stopping.signal);
      if (stopping.signal.aborted) return;
      failure = await startAgain();
      // Told to stop while this one was starting: the one that `stop` saw was its predecessor.
      if (stopping.signal.aborted) await current.stop();
    }
  };
  const watching = watch();

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
    async stop() {
      stopping.abort();
      await current.stop();
      await watching;
    },
  };
}
