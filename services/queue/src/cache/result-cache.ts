import { within } from "@ccsp/timing";
import type { Answer, Level, LevelName } from "./level.js";

/** Notified of each look-up and write, for metrics. */
export interface CacheObserver {
  lookedUp(level: LevelName, outcome: "hit" | "miss" | "error"): void;
  wrote(level: LevelName, outcome: "stored" | "full" | "error"): void;
}

export interface CacheOptions {
  readonly observer: CacheObserver;
  /** Ms since 1970 on this replica's clock. An answer's age need not be exact. */
  readonly now: () => number;
  /** Longest time that one call of a level may take. */
  readonly patienceMs?: number;
}

export interface ResultCache {
  /**
   * Returns the answer of the fastest level that has one not older than `maxAgeMs` (undefined: any age). The faster
   * levels get that answer too. Never throws, and waits at most `patienceMs` for each level.
   */
  find(key: string, maxAgeMs: number | undefined): Promise<Answer | undefined>;
  /** Stores an answer in every level. Never throws, and the caller need not wait for it. */
  put(key: string, result: Uint8Array): Promise<void>;
  /** Waits for the writes that are under way. */
  close(): Promise<void>;
}

const PATIENCE_MS = 250;
// How long a level is skipped after a failure. Without the pause it would make the next callers wait as well.
const PAUSE_MS = 5_000;
// Most writes at the same time. With a slow level, more of them would fill the memory.
const MOST_WRITES = 64;

/** A cache of several levels, the fastest first. It skips a level for a while after the level fails or hangs. */
export function createResultCache(
  levels: readonly Level[],
  { observer, now, patienceMs = PATIENCE_MS }: CacheOptions,
): ResultCache {
  const ask = createAsk({ now, patienceMs });
  const writing = new Set<Promise<void>>();

  const putInto = async (into: readonly Level[], key: string, answer: Answer): Promise<void> => {
    await Promise.all(
      into.map(async (level) => {
        const outcome = await ask(level, async () => level.put(key, answer));
        observer.wrote(level.name, outcome?.said ?? "error");
      }),
    );
  };

  const putLater = async (into: readonly Level[], key: string, answer: Answer): Promise<void> => {
    if (writing.size >= MOST_WRITES) {
      for (const { name } of into) observer.wrote(name, "full");
      return;
    }
    const write = putInto(into, key, answer);
    writing.add(write);
    await write;
    writing.delete(write);
  };

  return {
    async find(key, maxAgeMs = Number.POSITIVE_INFINITY) {
      for (const [i, level] of levels.entries()) {
        const answer = await ask(level, async () => level.find(key));
        if (answer === undefined) {
          observer.lookedUp(level.name, "error");
        } else if (answer.said === undefined || now() - answer.said.madeMs > maxAgeMs) {
          // Too old. A slower level may have a newer one that another replica stored.
          observer.lookedUp(level.name, "miss");
        } else {
          observer.lookedUp(level.name, "hit");
          void putLater(levels.slice(0, i), key, answer.said);
          return answer.said;
        }
      }
      return undefined;
    },

    put: async (key, result) => putLater(levels, key, { madeMs: now(), result }),

    async close() {
      await Promise.all(writing);
      for (const level of levels) level.close?.();
    },
  };
}

type Ask = <T>(level: Level, work: () => Promise<T>) => Promise<{ readonly said: T } | undefined>;

/** Asks a level. Undefined when the level throws or takes too long, and for a while after that. */
function createAsk({ now, patienceMs }: Required<Pick<CacheOptions, "now" | "patienceMs">>): Ask {
  const pausedUntil = new Map<LevelName, number>();
  return async (level, work) => {
    if ((pausedUntil.get(level.name) ?? 0) > now()) return undefined;
    try {
      const late = () => {
        throw new Error(`took longer than ${patienceMs} ms`);
      };
      return { said: await within(patienceMs, work(), late) };
    } catch {
      pausedUntil.set(level.name, now() + PAUSE_MS);
      return undefined;
    }
  };
}
