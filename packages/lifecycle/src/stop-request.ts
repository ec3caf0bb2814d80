import { setMaxListeners } from "node:events";
import { constants } from "node:os";
import type { Logger } from "pino";

const MAX_TIMER_MS = 2 ** 31 - 1;
const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** The signal that came, or "asked" if the caller's AbortSignal aborted. */
export type StopReason = NodeJS.Signals | "asked";

/**
 * A single request to stop, from a signal or from the caller. It listens from its construction on, so that no request
 * is lost during a slow start.
 */
export class StopRequest {
  readonly requested: Promise<StopReason>;
  readonly #controller = new AbortController();
  readonly #release: () => void;

  constructor(log: Logger, options: { readonly stop: AbortSignal | undefined; readonly handleSignals: boolean }) {
    // Every waiting call may add a listener to this signal.
    setMaxListeners(0, this.#controller.signal);
    let request: (reason: StopReason) => void = () => {};
    this.requested = new Promise((resolve) => {
      request = (reason) => {
        resolve(reason);
        this.begin();
      };
    });
    const onStop = (): void => request("asked");
    let signalled = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (signalled) {
        log.warn({ signal }, "second signal, exiting at once");
        // This exit code is the shell's convention. The process does not raise the signal again, because process 1 of a
        // container would ignore it.
        process.exit(128 + constants.signals[signal]);
      }
      signalled = true;
      request(signal);
    };
    if (options.handleSignals) for (const signal of SIGNALS) process.on(signal, onSignal);
    // Signal handlers alone do not keep a process alive.
    const alive = setInterval(() => {}, MAX_TIMER_MS);
    if (options.stop?.aborted === true) onStop();
    else options.stop?.addEventListener("abort", onStop, { once: true });
    this.#release = () => {
      clearInterval(alive);
      for (const signal of SIGNALS) process.off(signal, onSignal);
      options.stop?.removeEventListener("abort", onStop);
    };
  }

  /** Aborts when the stop begins. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Aborts `signal`, so that all its listeners know of the stop. */
  begin(): void {
    this.#controller.abort();
  }

  /** Settles as `work` does, but rejects immediately when a stop is requested. */
  async orStop<T>(work: Promise<T>): Promise<T> {
    return await Promise.race([
      work,
      this.requested.then((reason) => {
        throw new Error(`stop requested (${reason})`);
      }),
    ]);
  }

  /** Stops listening. */
  release(): void {
    this.#release();
  }
}
