import { type Dashboard, grafanaJson } from "./dashboard.js";
import { executors } from "./executors.js";
import { overview } from "./overview.js";
import { queue } from "./queue.js";
import { slo } from "./slo.js";
import { usage } from "./usage.js";

export const DASHBOARDS: readonly Dashboard[] = [overview, queue, executors, usage, slo];

/** The files of deploy/grafana, as they should be. */
export const dashboardFiles = (): Readonly<Record<string, string>> =>
  Object.fromEntries(DASHBOARDS.map((each) => [`deploy/grafana/${each.name}.json`, grafanaJson(each)]));
