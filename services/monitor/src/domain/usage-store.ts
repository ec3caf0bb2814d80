import type { Run, Usage } from "./run.js";

/** Stores usage as sums per hour, agent and model. */
export interface UsageStore {
  /** Counts a run. Returns "repeat" if its event was counted before, and then changes nothing. */
  record(run: Run): Promise<"ok" | "repeat">;
  /**
   * Returns every row of these hours: one per hour, agent and model, in any order. Each hour is given by its first
   * moment in ms.
   */
  read(hours: readonly number[]): Promise<readonly Usage[]>;
}
