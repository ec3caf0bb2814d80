import type { AlertRule, Labels } from "./rule.js";

/** A value for people, in the unit with which the name of its metric ends. */
export function valueWords(metric: string, value: number): string {
  if (isShare(metric)) return `${round(value * 100)} %`;
  return metric.endsWith("_seconds") ? secondsWords(value) : round(value);
}

/** Whether a metric is a part of 1, so that people read it in per cent. */
export const isShare = (metric: string): boolean => metric.endsWith("_share") || metric.endsWith("_ratio");

const round = (value: number): string =>
  Math.abs(value) >= 1_000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));

const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
] as const;

function secondsWords(seconds: number): string {
  const [unit, length] = UNITS.find(([, least]) => Math.abs(seconds) >= least) ?? ["s", 1];
  return `${round(seconds / length)} ${unit}`;
}

/** The summary of a rule with its places filled in. A place without a value stays as it is. */
export function summaryOf(
  { summary, metric, threshold }: Pick<AlertRule, "summary" | "metric" | "threshold">,
  labels: Labels,
  value: number,
): string {
  const places: Labels = {
    ...labels,
    value: valueWords(metric, value),
    threshold: valueWords(metric, threshold),
  };
  return summary.replaceAll(/\{(\w+)\}/g, (place, name: string) => places[name] || place);
}

/** What a rule compares and for how long, such as `disk_free_share < 0.1 for 2 min`. */
export function conditionText({
  metric,
  matchers,
  condition,
  threshold,
  fireAfterMs,
}: Pick<AlertRule, "metric" | "matchers" | "condition" | "threshold" | "fireAfterMs">): string {
  const of = matchers.map(({ label, value, negated }) => `${label}${negated ? "!=" : "="}${value}`).join(",");
  const lasting = fireAfterMs === 0 ? "" : ` for ${secondsWords(fireAfterMs / 1_000)}`;
  return `${metric}${of === "" ? "" : `{${of}}`} ${condition} ${threshold}${lasting}`;
}
