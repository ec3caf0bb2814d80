/**
 * Runs at most `most` pieces of work at a time for one name, and the others in the order in which they came. It forgets
 * a name that has no work.
 */
export class Turns {
  readonly #most: number;
  readonly #names = new Map<string, { running: number; readonly waiting: (() => void)[] }>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Settles as `work` does, when it had its turn. */
  async take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const turns = this.#names.get(name) ?? { running: 0, waiting: [] };
    this.#names.set(name, turns);
    // The one that ends hands its place to the next one, so that no later caller takes it in between.
    if (turns.running < this.#most) turns.running += 1;
    else await new Promise<void>((resolve) => turns.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = turns.waiting.shift();
      if (next) next();
      else {
        turns.running -= 1;
        if (turns.running === 0) this.#names.delete(name);
      }
    }
  }
}
