import type { Settings } from "@ccsp/config";
import type { Waits } from "./domain/session.js";

export function defineSession(settings: Settings): Waits {
  return {
    intervalMs: settings.durationMs(
      "CCSP_MONITOR_SESSION_INTERVAL",
      "time without a successful run after which a probe asks whether an account's login still works",
      { default: "5m", min: 10_000, max: 86_400_000 },
    ),
    retryMs: settings.durationMs(
      "CCSP_MONITOR_SESSION_RETRY",
      "time from a refused login to the next probe; the third refusal in a row means that the login is lost",
      { default: "30s", min: 100, max: 3_600_000 },
    ),
  };
}
