/** Holds answers until the test releases them. The test can also see that a request has arrived here. */
export interface Gate {
  /** A prompt that contains this text has its answer held at this gate. */
  readonly marker: string;
  /** Resolves when the first request waits at the gate. */
  readonly reached: Promise<void>;
  /** The number of requests that wait at the gate now. */
  waiting(): number;
  /** Opens the gate for all requests, now and later. */
  release(): void;
  /**
   * The simulator calls this. Resolves when the gate opens. Rejects with the signal's reason if the client disconnects
   * first.
   */
  pass(signal: AbortSignal): Promise<void>;
}

export function createGate(id: string): Gate {
  const waiters = new Set<() => void>();
  let open = false;
  let arrive = (): void => {};
  const reached = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  return {
    marker: `[[sim:gate id=${id}]]`,
    reached,
    waiting: () => waiters.size,
    release() {
      open = true;
      for (const resume of waiters) resume();
      waiters.clear();
    },
    async pass(signal) {
      arrive();
      if (open) return;
      await new Promise<void>((resolve, reject) => {
        const leave = (): void => {
          waiters.delete(resume);
          reject(signal.reason);
        };
        const resume = (): void => {
          signal.removeEventListener("abort", leave);
          resolve();
        };
        waiters.add(resume);
        signal.addEventListener("abort", leave, { once: true });
      });
    },
  };
}
