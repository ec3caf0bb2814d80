/** Something that waits for the test: the test can see that it was reached, and lets it go on. */
export interface Gate {
  /** Write this into a prompt to hold that prompt's answer. */
  readonly marker: string;
  /** Resolves when the first request stands at the gate. */
  readonly reached: Promise<void>;
  /** How many requests stand at the gate now. */
  waiting(): number;
  /** Lets everything through, now and later. */
  release(): void;
  /** The simulator's side: resolves on release, rejects with the signal's reason when the client goes away first. */
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
