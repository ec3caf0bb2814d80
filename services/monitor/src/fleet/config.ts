import type { Settings } from "@ccsp/config";
import type { Patience } from "./domain/health.js";

export const fleetSettings = (settings: Settings): Patience => ({
  lateMs: settings.durationMs("CCSP_MONITOR_LATE_AFTER", "time without a heartbeat after which an instance is late", {
    default: "45s",
    min: 1_000,
    max: 3_600_000,
  }),
  goneMs: settings.durationMs(
    "CCSP_MONITOR_GONE_AFTER",
    "time without a heartbeat after which an instance is not shown any more",
    { default: "5m", min: 2_000, max: 3_600_000 },
  ),
});
