import { loadDefinitions } from "@ccsp/cli";
import { SERVICES } from "@ccsp/fleet";
import { declaredMetrics, type Labels, type MetricDeclaration } from "@ccsp/metrics";
import { collectDefaultMetrics, type Metric, Registry } from "prom-client";
import { listItem, table } from "./markdown.js";

/** A list of label values that is longer than this is below the tables, so that these stay readable. */
const MOST_VALUES = 8;

/** The labels of what prom-client measures of each process, which it does not declare. */
const NODE_LABELS: Readonly<Record<string, Labels>> = {
  nodejs_active_resources: { type: "kinds of resources of Node.js" },
  nodejs_active_handles: { type: "kinds of handles of Node.js" },
  nodejs_active_requests: { type: "kinds of requests of Node.js" },
  nodejs_heap_space_size_total_bytes: { space: "spaces of the heap" },
  nodejs_heap_space_size_used_bytes: { space: "spaces of the heap" },
  nodejs_heap_space_size_available_bytes: { space: "spaces of the heap" },
  nodejs_gc_duration_seconds: { kind: ["major", "minor", "incremental", "weakcb"] },
  nodejs_version_info: {
    version: "version of Node.js",
    major: "its first number",
    minor: "its second number",
    patch: "its third number",
  },
};

/** A metric of a service, or with "" of every service. */
export interface KnownMetric extends MetricDeclaration {
  readonly service: string;
}

/** Every metric that a service can export, by name. */
export async function knownMetrics(): Promise<ReadonlyMap<string, KnownMetric>> {
  // A service's metrics are declared when its code is loaded.
  await loadDefinitions({});
  // The gateway's HTTP metric has the name of OpenTelemetry's conventions.
  const serviceOf = (name: string) =>
    name.startsWith("http_server_") ? "gateway" : (SERVICES.find((each) => name.startsWith(`ccsp_${each}_`)) ?? "");
  const all = [...declaredMetrics().values(), ...processMetrics()].map((of) => ({
    ...of,
    service: serviceOf(of.name),
  }));
  return new Map(all.map((of) => [of.name, of]));
}

function processMetrics(): MetricDeclaration[] {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry.getMetricsAsArray().map((metric) => {
    const { name, help } = metric;
    const labels = NODE_LABELS[name] ?? {};
    return { name, help, type: typeOf(metric), labels };
  });
}

/** At run time a metric is one of prom-client's classes, which are named like the types. */
function typeOf(metric: Metric | object): MetricDeclaration["type"] {
  const type = metric.constructor.name.toLowerCase();
  if (type !== "counter" && type !== "gauge" && type !== "histogram") throw new Error(`a metric of type ${type}`);
  return type;
}

/** The unit of a metric, which its name ends with. */
function unitOf({ name }: Pick<MetricDeclaration, "name">): string {
  const [, unit = ""] = /_(seconds|bytes|ratio|share|usd|tokens)(?:_total)?$/.exec(name) ?? [];
  if (unit === "ratio" || unit === "share") return "share, 0 to 1";
  if (unit === "usd") return "USD";
  return unit === "" ? "number" : unit;
}

/** The tables of docs/metrics.md. */
export async function metricsPage(): Promise<string> {
  const all = [...(await knownMetrics()).values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const long = new Map<string, string[]>();
  const section = (title: string, of: readonly KnownMetric[]) => [
    `## ${title}`,
    "",
    table(
      ["metric", "type", "unit", "labels", "meaning"],
      of.map((metric) => [
        `\`${metric.name}\``,
        metric.type,
        unitOf(metric),
        labelsOf(metric, long),
        metric.help.replace(/^[a-z]/, (first) => first.toUpperCase()).replace(/\.$/, ""),
      ]),
    ),
    "",
  ];
  const ofProcess = /^(?:process|nodejs)_/;
  const common = all.filter(({ service }) => service === "");
  const sections = [
    ...section(
      "Every service",
      common.filter(({ name }) => !ofProcess.test(name)),
    ),
    ...SERVICES.flatMap((service) =>
      section(
        service.replace(/^./, (first) => first.toUpperCase()),
        all.filter((metric) => metric.service === service),
      ),
    ),
    "## The process of every service",
    "",
    listItem(
      `By prom-client: ${common.flatMap(({ name }) => (ofProcess.test(name) ? [`\`${name}\``] : [])).join(", ")}`,
    ),
    "",
  ];
  const values = [...long].map(([list, labels]) => listItem(`**${labels.join(", ")}**: ${list}`));
  return [...sections, "## Long lists of label values", "", ...values].join("\n");
}

function labelsOf({ name, labels }: MetricDeclaration, long: Map<string, string[]>): string {
  return Object.entries(labels)
    .map(([label, values]) => {
      if (typeof values === "string") return `\`${label}\` (${values})`;
      const list = values.map((value) => `\`${value}\``).join(", ");
      if (values.length <= MOST_VALUES) return `\`${label}\`: ${list}`;
      long.set(list, [...(long.get(list) ?? []), `\`${label}\` of \`${name}\``]);
      return `\`${label}\` ([below](#long-lists-of-label-values))`;
    })
    .join("; ");
}
