import { conditionText, DEFAULT_RULES, PROMETHEUS_ONLY_RULES } from "@ccsp/monitor";
import { table } from "./markdown.js";

/** The built-in rules of alerts. Each name is a link to what to do. */
export function alertRules(): string {
  const conditions: readonly (readonly [(typeof DEFAULT_RULES)[number], string, string?])[] = [
    ...DEFAULT_RULES.map((rule) => [rule, `\`${conditionText(rule)}\``] as const),
    ...PROMETHEUS_ONLY_RULES.map(
      (rule) => [rule, rule.metric ? `\`${conditionText(rule)}\`` : SILENT, "only there"] as const,
    ),
  ];
  const rows = conditions.map(([rule, condition, where]) => [
    `[\`${rule.name}\`](runbooks.md#${rule.name})`,
    rule.severity,
    condition,
    rule.summary,
    where ?? (rule.prometheus === undefined ? "no" : "yes"),
  ]);
  return table(["rule", "severity", "fires when", "what it says", "also in Prometheus"], rows);
}

/** When a rule fires that judges no value, but that there is none. */
const SILENT = "no metrics for 2 min";
