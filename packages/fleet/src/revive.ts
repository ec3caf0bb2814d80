import { createBackoff } from "./backoff.js";
import type { Clock } from "./clock.js";

export interface ReviverOptions {
  readonly clock: Clock;
  readonly restart: () => Promise<void>;
  /** Told before each try, with the reason why the one before it failed. */
  readonly onTry: (inMs: number, failure: unknown) => void;
}

export interface Reviver {
  /** What it watches over has crashed. */
  readonly crashed: () => void;
  /** Ends trying; resolves when nothing is being started any more. */
  stop(): Promise<void>;
}

/** Restarts a server that crashed, with the waits of a supervisor. */
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
