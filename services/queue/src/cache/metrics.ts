import { declareCounter } from "@ccsp/metrics";
import type { Registry } from "prom-client";
import { LEVELS } from "./level.js";
import type { CacheObserver } from "./result-cache.js";

const LOOKUPS = declareCounter({
  name: "ccsp_queue_cache_lookups_total",
  help: "Look-ups in a level of the result cache, after the levels above had no answer",
  labels: { level: LEVELS, outcome: ["hit", "miss", "error"] },
});

const WRITES = declareCounter({
  name: "ccsp_queue_cache_writes_total",
  help: "Answers written to a level of the result cache",
  labels: { level: LEVELS, outcome: ["stored", "full", "error"] },
});

/** A level's hit rate is its hits divided by its hits and misses. */
export function observeCache(registry: Registry): CacheObserver {
  const lookups = LOOKUPS(registry);
  const writes = WRITES(registry);
  return {
    lookedUp: (level, outcome) => lookups.inc({ level, outcome }),
    wrote: (level, outcome) => writes.inc({ level, outcome }),
  };
}
