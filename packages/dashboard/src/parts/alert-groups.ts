import type { Alert } from "../routes.js";

const SEVERITIES: readonly string[] = ["INFO", "WARNING", "CRITICAL"];
const severityOf = ({ severity }: Alert): number => SEVERITIES.indexOf(severity);

/** Alerts of one rule, never empty. */
export type AlertGroup = readonly [Alert, ...Alert[]];

/** The alerts of each rule together, the most severe rule first. */
export function groupsOf(alerts: readonly Alert[]): AlertGroup[] {
  const groups = new Map<string, [Alert, ...Alert[]]>();
  for (const alert of alerts.toSorted((one, other) => severityOf(other) - severityOf(one))) {
    const group = groups.get(alert.rule);
    if (group) group.push(alert);
    else groups.set(alert.rule, [alert]);
  }
  return [...groups.values()];
}
