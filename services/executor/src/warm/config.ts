import type { Settings } from "@ccsp/config";

export interface WarmConfig {
  /** Maximum number of waiting processes; 0: none. */
  readonly count: number;
  /** Maximum memory of all waiting processes. */
  readonly memoryBytes: number;
  /** An older process is not used. */
  readonly maxAgeMs: number;
  /** Whether a process that was started because of one agent's tasks may serve another agent's. */
  readonly shared: boolean;
}

/** Settings of the processes that wait for runs. */
export function defineWarm(settings: Settings): WarmConfig {
  return {
    count: settings.integer(
      "CCSP_EXECUTOR_WARM",
      "most engine processes that wait for tasks like the recent ones; 0: none",
      { default: 2, max: 64 },
    ),
    memoryBytes: settings.integer("CCSP_EXECUTOR_WARM_MEMORY", "most bytes of memory of the waiting processes", {
      default: 512 * 1024 * 1024,
      min: 1,
    }),
    maxAgeMs: settings.durationMs(
      "CCSP_EXECUTOR_WARM_MAX_AGE",
      "greatest age at which a waiting process still gets a task; also, how long processes wait after the last task of their kind",
      { default: "10m", min: 1_000, max: 24 * 60 * 60 * 1_000 },
    ),
    shared: settings.flag(
      "CCSP_EXECUTOR_WARM_SHARED",
      "let a waiting process serve any agent, and not only the one whose tasks it was started for",
      { default: false },
    ),
  };
}
