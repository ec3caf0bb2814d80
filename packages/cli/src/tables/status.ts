import type { Notification } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import type { UsageRow } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import type { ServiceStatus } from "../local-fleet/local-status.js";
import { stateColour } from "../output/colour.js";
import type { Column } from "../output/table.js";
import { count, grouped, localTime, money } from "../output/words.js";

export const SERVICE_COLUMNS: readonly Column<ServiceStatus>[] = [
  { header: "SERVICE", value: ({ name, index }) => `${name}-${index + 1}` },
  { header: "PORT", value: ({ port }) => String(port), align: "right" },
  { header: "STATE", value: ({ status }) => status, colour: stateColour, min: 12 },
];

/**
 * The sum of the known costs, and of how many runs the cost is not known. A failed run often has no known cost. An
 * executor of the previous release counted 0 for it, so 0 for failed runs only is unknown too.
 */
export function costWords({ runs, failedRuns, runsWithoutCost, costUsd }: UsageRow): string {
  if (runsWithoutCost >= runs || (costUsd === 0 && failedRuns >= runs)) return "unknown";
  return runsWithoutCost === 0n ? money(costUsd) : `${money(costUsd)}, unknown for ${count(runsWithoutCost, "run")}`;
}

export const USAGE_COLUMNS: readonly Column<UsageRow>[] = [
  { header: "AGENT", value: ({ agentId }) => agentId, min: 8 },
  { header: "MODEL", value: ({ model }) => model || "unknown", min: 8 },
  { header: "RUNS", value: ({ runs }) => grouped(runs), align: "right" },
  { header: "FAILED", value: ({ failedRuns }) => grouped(failedRuns), align: "right" },
  { header: "COST", value: costWords, min: 10 },
];

export const NOTIFICATION_COLUMNS: readonly Column<Notification>[] = [
  { header: "TIME", value: ({ eventTime }) => localTime(eventTime) },
  { header: "NOTIFICATION", value: ({ summary }) => summary, min: 20 },
];
