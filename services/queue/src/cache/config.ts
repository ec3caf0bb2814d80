import type { Settings } from "@ccsp/config";

export interface CacheConfig {
  /** Whether an answer of one agent may be given to another. */
  readonly shared: boolean;
  readonly memory: LevelConfig;
  readonly redis: LevelConfig;
  readonly disk: LevelConfig;
  /** Undefined: no answers on disk. */
  readonly dir: string | undefined;
}

export interface LevelConfig {
  readonly ttlMs: number;
  /** 0: the level is off. */
  readonly maxBytes: number;
}

const MIB = 1024 * 1024;
const DAY_MS = 24 * 60 * 60 * 1000;

export function defineCache(settings: Settings): CacheConfig {
  const level = (name: string, where: string, ttl: string, mib: number): LevelConfig => ({
    ttlMs: settings.durationMs(`CCSP_QUEUE_CACHE_${name}_TTL`, `how long ${where} keeps an answer`, {
      default: ttl,
      min: 1_000,
      max: DAY_MS,
    }),
    maxBytes: settings.integer(`CCSP_QUEUE_CACHE_${name}_BYTES`, `most bytes of answers that ${where} keeps; 0: none`, {
      default: mib * MIB,
      min: 0,
    }),
  });
  return {
    shared: settings.flag("CCSP_QUEUE_CACHE_SHARED", "also answer a task from a run of another agent", {
      default: false,
    }),
    memory: level("MEMORY", "a replica's memory", "1m", 64),
    redis: level("REDIS", "Redis", "10m", 64),
    disk: level("DISK", "CCSP_QUEUE_CACHE_DIR", "1h", 256),
    dir: settings.optionalText("CCSP_QUEUE_CACHE_DIR", "folder for cached answers; empty: none on disk"),
  };
}
