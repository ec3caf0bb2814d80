import { createBackoff } from "./backoff.js";
import type { Clock } from "./clock.js";

export interface ReviverOptions {
  readonly clock: Clock;
  readonly restart: () => Promise<void>;
  /** Called before each try, with the error of the previous try. */
  readonly onTry: (inMs: number, failure: unknown) => void;
}

export interface Reviver {
  /** Call it when the server has crashed. */
  readonly crashed: () => void;
  /** Stops trying. Resolves when no start is in progress any more. */
  stop(): Promise<void>;
}

/** Restarts a crashed server, with the same back-off as a supervisor. */
export function createReviver({ clock, restart, onTry }: ReviverOptions): Reviver {
  const backoff = createBackoff();
  const stopping = new AbortController();
  let upSince = clock.now();
  let reviving: Promise<void> = Promise.resolve();

  const revive = async () => {
    let failure: unknown;
    for (let lastedMs = clock.now() - upSince; !stopping.signal.aborted; lastedMs = 0) {
      const delayMs = backoff(lastedMs);
      onTry(delayMs, failure);
      await clock.sleep(delayMs, stopping.signal);
      if (stopping.signal.aborted) return;
      try {
        await restart();
        upSince = clock.now();
        return;
      } catch (error) {
        failure = error;
      }
    }
  };
  return {
    crashed() {
      reviving = revive();
    },
    async stop() {
      stopping.abort();
      await reviving;
    },
  };
}
