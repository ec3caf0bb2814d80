import { setMaxListeners } from "node:events";
import { constants } from "node:os";
import type { Logger } from "pino";

const MAX_TIMER_MS = 2 ** 31 - 1;
const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** The signal that came, or "asked" when it was the caller's AbortSignal. */
export type StopReason = NodeJS.Signals | "asked";

/** The one wish to stop, from a signal or from the caller. It listens from its construction on, so that none is lost during a slow start. */
export class StopRequest {
  readonly requested: Promise<StopReason>;
  readonly #controller = new AbortController();
  readonly #release: () => void;

  constructor(log: Logger, options: { readonly stop: AbortSignal | undefined; readonly handleSignals: boolean }) {
    // Every call that waits may listen to it.
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
        // The shell's convention. Not by raising it again: process 1 of a container would ignore that.
        process.exit(128 + constants.signals[signal]);
      }
      signalled = true;
      request(signal);
    };
    if (options.handleSignals) for (const signal of SIGNALS) process.on(signal, onSignal);
    // Waiting for a signal does not keep a process alive by itself.
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

  /** Tells everybody that watches `signal`. */
  begin(): void {
    this.#controller.abort();
  }

  /** What `work` comes to; rejects as soon as a stop is requested. */
  async orStop<T>(work: Promise<T>): Promise<T> {
    return await Promise.race([
      work,
      this.requested.then((reason) => {
        throw new Error(`told to stop (${reason})`);
      }),
    ]);
  }

  /** Stops listening. */
  release(): void {
    this.#release();
  }
}
