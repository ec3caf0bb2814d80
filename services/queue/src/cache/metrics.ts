import { Counter, type Registry } from "prom-client";
import type { CacheObserver } from "./result-cache.js";

/** A level's hit rate is its hits divided by its hits and misses. */
export function observeCache(registry: Registry): CacheObserver {
  const registers = [registry];
  const lookups = new Counter({
    name: "ccsp_queue_cache_lookups_total",
    help: "Look-ups in a level of the result cache, after the levels above had no answer",
    labelNames: ["level", "outcome"],
    registers,
  });
  const writes = new Counter({
    name: "ccsp_queue_cache_writes_total",
    help: "Answers written to a level of the result cache",
    labelNames: ["level", "outcome"],
    registers,
  });
  return {
    lookedUp: (level, outcome) => lookups.inc({ level, outcome }),
    wrote: (level, outcome) => writes.inc({ level, outcome }),
  };
}
