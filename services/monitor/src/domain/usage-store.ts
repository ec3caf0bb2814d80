import type { Run, Usage } from "./run.js";

/** Where usage is kept: sums per hour, agent and model. */
export interface UsageStore {
  /** Counts a run. "repeat" when its event was counted before; nothing changes then. */
  record(run: Run): Promise<"ok" | "repeat">;
  /** Every row of these hours (each its first moment, in ms), one per hour, agent and model, in no order. */
  read(hours: readonly number[]): Promise<readonly Usage[]>;
}
