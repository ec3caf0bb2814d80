import { LRUCache } from "lru-cache";
import type { LevelConfig } from "./config.js";
import type { Answer, Level } from "./level.js";

// Roughly what an entry takes in addition to its answer.
const OVERHEAD_BYTES = 256;

/** Answers in this replica's memory. The least recently used go first. `now` is for tests. */
export function createMemoryLevel({ ttlMs, maxBytes }: LevelConfig, now?: () => number): Level {
  const answers = new LRUCache<string, Answer>({
    ttl: ttlMs,
    maxSize: maxBytes,
    sizeCalculation: sizeOf,
    ...(now && { perf: { now }, ttlResolution: 0 }),
  });
  return {
    name: "memory",
    find: async (key) => answers.get(key),
    async put(key, answer) {
      if (sizeOf(answer) > maxBytes) return "full";
      answers.set(key, answer);
      return "stored";
    },
  };
}

const sizeOf = ({ result }: Answer): number => result.byteLength + OVERHEAD_BYTES;
