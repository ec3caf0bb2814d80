import { dashboardFiles } from "@ccsp/grafana/dashboards.js";
import { prometheusRules, prometheusTests } from "@ccsp/monitor";
import { alertRules } from "./alerts.js";
import { readPage } from "./blocks.js";
import { configuration } from "./configuration.js";
import { categories, reasons } from "./errors.js";
import { prometheusRuleResource } from "./kubernetes.js";
import { fill } from "./markdown.js";
import { metricsPage } from "./metrics.js";

/** Every page with a generated part, and every other generated file, as it should be. */
export async function generatedPages(): Promise<Readonly<Record<string, string>>> {
  const troubleshooting = fill(readPage("docs/troubleshooting.md"), "reasons", reasons());
  return {
    ...dashboardFiles(),
    "deploy/prometheus/rules.test.yaml": prometheusTests(),
    "deploy/prometheus/rules.yaml": prometheusRules(),
    "docs/alerts.md": fill(readPage("docs/alerts.md"), "rules", alertRules()),
    "docs/configuration.md": fill(readPage("docs/configuration.md"), "settings", await configuration()),
    "docs/metrics.md": fill(readPage("docs/metrics.md"), "metrics", await metricsPage()),
    "k8s/components/prometheus-operator/rules.yaml": prometheusRuleResource(),
    "docs/troubleshooting.md": fill(troubleshooting, "categories", categories()),
  };
}
