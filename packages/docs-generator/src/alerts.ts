import { conditionText, DEFAULT_RULES } from "@ccsp/monitor";
import { table, withLinks } from "./markdown.js";

/** The built-in rules of alerts, with what to do. */
export function alertRules(): string {
  const rows = DEFAULT_RULES.map((rule) => [
    `[\`${rule.name}\`](runbooks.md#${rule.name})`,
    rule.severity,
    `\`${conditionText(rule)}\``,
    rule.summary,
    withLinks(rule.whatToDo),
    rule.prometheus === undefined ? "no" : "yes",
  ]);
  return table(["rule", "severity", "fires when", "what it says", "what to do", "also in Prometheus"], rows);
}
