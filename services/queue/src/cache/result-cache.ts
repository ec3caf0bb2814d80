import { within } from "@ccsp/timing";
import type { Answer, Level, LevelName } from "./level.js";

/** What happened, for metrics. */
export interface CacheObserver {
  lookedUp(level: LevelName, outcome: "hit" | "miss" | "error"): void;
  wrote(level: LevelName, outcome: "stored" | "full" | "error"): void;
}

export interface CacheOptions {
  readonly observer: CacheObserver;
  /** Ms since 1970 on this replica's clock: an answer's age need not be exact. */
  readonly now: () => number;
  /** Longest that a level may take. */
  readonly patienceMs?: number;
}

export interface ResultCache {
  /**
   * The answer of the fastest level that has one not older than `maxAgeMs` (undefined: any age); the levels above get it too.
   * Never throws, and takes no longer than the patience with each level.
   */
  find(key: string, maxAgeMs: number | undefined): Promise<Answer | undefined>;
  /** Keeps an answer in every level. Never throws; the caller need not wait for it. */
  put(key: string, result: Uint8Array): Promise<void>;
  /** Waits for what is being written. */
  close(): Promise<void>;
}

const PATIENCE_MS = 250;
// A level that failed would make the next callers wait as well.
const PAUSE_MS = 5_000;
// Answers being written at once: with a slow level, more would pile up in memory.
const MOST_WRITES = 64;

/** A cache of several levels, the fastest first. A level that fails or hangs is passed over for a while. */
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
          // Too old here; a level below may have a newer one, which another replica put there.
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

/** What a level says; undefined when it cannot, and for a while after that. */
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
