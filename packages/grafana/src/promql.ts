import type { MetricDeclaration } from "@ccsp/metrics";
import { parser } from "@prometheus-io/lezer-promql";

type Metrics = ReadonlyMap<string, MetricDeclaration>;
type Node = ReturnType<typeof parser.parse>["topNode"];

/** Labels that Prometheus, or the registry of a service, gives to every series. */
const EVERYWHERE = ["job", "instance", "service"];

/**
 * What is wrong with a query: its syntax, a metric that no service has, a label that the metric has not, or a value that
 * its label never has. Labels by which a query groups must be labels of a metric within it.
 */
export function faultsOfQuery(query: string, metrics: Metrics): string[] {
  const expr = query.replaceAll("$__rate_interval", "5m");
  const text = ({ from, to }: Node): string => expr.slice(from, to);
  const { topNode } = parser.parse(expr);
  if (nodesIn(topNode).some(({ type }) => type.isError)) return [`${query}: is not PromQL`];
  const selectors = (within: Node) => nodesNamed(within, "VectorSelector").map((node) => selectorOf(node, text));
  return [
    ...selectors(topNode).flatMap((selector) => faultsOfSelector(selector, metrics)),
    ...nodesNamed(topNode, "GroupingLabels").flatMap((grouping) => {
      const within = enclosing(grouping);
      const known = new Set(selectors(within).flatMap(({ metric }) => labelsOf(metric, metrics)));
      return nodesNamed(grouping, "LabelName")
        .map(text)
        .filter((label) => !known.has(label))
        .map((label) => `${text(within)}: no metric in it has the label ${label}`);
    }),
  ];
}

/** The names of the metrics that a query reads, without the endings of histograms. */
export const metricsIn = (query: string, metrics: Metrics): string[] => {
  const expr = query.replaceAll("$__rate_interval", "5m");
  const selectors = nodesNamed(parser.parse(expr).topNode, "VectorSelector");
  return selectors.map((node) => {
    const { metric } = selectorOf(node, ({ from, to }) => expr.slice(from, to));
    return declarationOf(metric, metrics)?.name ?? metric;
  });
};

interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly op: string; readonly value: string }[];
}

function selectorOf(node: Node, text: (node: Node) => string): Selector {
  const name = node.getChild("Identifier");
  const matchers = nodesNamed(node, "UnquotedLabelMatcher").map((matcher) => {
    const [label = "", op = "", value = ""] = childrenOf(matcher).map(text);
    return { label, op, value: value.slice(1, -1) };
  });
  return { metric: name ? text(name) : "", matchers };
}

function faultsOfSelector({ metric, matchers }: Selector, metrics: Metrics): string[] {
  const declaration = declarationOf(metric, metrics);
  if (declaration === undefined) return [`no service has the metric ${metric}`];
  const known = labelsOf(metric, metrics);
  return matchers.flatMap(({ label, op, value }) => {
    if (!known.includes(label)) return [`${metric} has no label ${label}`];
    const values = declaration.labels[label];
    // A text says what bounds the values, which are not known here. Only lists of words are compared.
    if (!Array.isArray(values) || (op.includes("~") && !/^[\w|-]*$/.test(value))) return [];
    return value
      .split("|")
      .filter((each) => !values.includes(each))
      .map((each) => `${metric}: its label ${label} is never ${each}`);
  });
}

function declarationOf(metric: string, metrics: Metrics): MetricDeclaration | undefined {
  const histogram = metrics.get(metric.replace(/_(?:bucket|count|sum)$/, ""));
  return metrics.get(metric) ?? (histogram?.type === "histogram" ? histogram : undefined);
}

function labelsOf(metric: string, metrics: Metrics): string[] {
  const own = Object.keys(declarationOf(metric, metrics)?.labels ?? {});
  return [...own, ...EVERYWHERE, ...(metric.endsWith("_bucket") ? ["le"] : [])];
}

const childrenOf = (node: Node): Node[] => {
  const children: Node[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(child);
  return children;
};

const nodesIn = (node: Node): Node[] => [node, ...childrenOf(node).flatMap(nodesIn)];

const nodesNamed = (node: Node, name: string): Node[] => nodesIn(node).filter((each) => each.name === name);

/** The aggregation, or the two sides of the operator, that groups by these labels. */
function enclosing(node: Node): Node {
  const { parent } = node;
  if (parent === null || node.name === "AggregateExpr" || node.name === "BinaryExpr") return node;
  return enclosing(parent);
}
