import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** For each label, the list of its values; or, when the code does not know them, a text that says what bounds them. */
export type Labels = Readonly<Record<string, readonly string[] | string>>;

/** What a metric is. `docs/metrics.md` has a row for each. */
export interface MetricDeclaration {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: Labels;
}

interface About<L extends Labels> {
  /** Ends with the unit, such as `_seconds` or `_bytes`, or with `_total` for a counter. */
  readonly name: string;
  readonly help: string;
  readonly labels?: L;
}

type LabelOf<L extends Labels> = Extract<keyof L, string>;
// oxlint-disable-next-line typescript/no-empty-object-type -- a metric without labels has none, and no other type says so
type None = {};

/** Declarations stand at the top of modules. So the code that is loaded has them, before a service starts. */
const declared = new Map<string, MetricDeclaration>();

/** The metrics that the loaded modules declare, by name. */
export const declaredMetrics = (): ReadonlyMap<string, MetricDeclaration> => declared;

/**
 * Declares a counter. Returns a function that creates it in a registry, or in none. Throws if another module has
 * declared the name. If the values of all labels are known, each series begins at 0: Prometheus sees no increase to the
 * first value of a series. `collect` is called at each scrape, for a counter that something else counts.
 */
export function declareCounter<const L extends Labels = None>(
  about: About<L>,
): (registry?: Registry, collect?: () => void) => Counter<LabelOf<L>> {
  const options = declare("counter", about);
  const series = allSeries(about.labels);
  return (registry, collect) => {
    const counter = new Counter({
      ...options,
      registers: registersOf(registry),
      ...(collect !== undefined && { collect }),
    });
    for (const labels of series) counter.inc(labels, 0);
    return counter;
  };
}

/** Every combination of the values of these labels. None if the values of one are not known. */
function allSeries<L extends Labels>(labels: L | undefined): Partial<Record<LabelOf<L>, string>>[] {
  let series: Partial<Record<LabelOf<L>, string>>[] = [{}];
  for (const [label, values] of Object.entries(labels ?? {})) {
    if (typeof values === "string") return [];
    series = series.flatMap((each) => values.map((value) => ({ ...each, [label]: value })));
  }
  return series;
}

/** Does the same for a gauge. `collect` is called at each scrape, and sets the gauge. */
export function declareGauge<const L extends Labels = None>(
  about: About<L>,
): (registry?: Registry, collect?: () => void | Promise<void>) => Gauge<LabelOf<L>> {
  const options = declare("gauge", about);
  return (registry, collect) =>
    new Gauge({ ...options, registers: registersOf(registry), ...(collect !== undefined && { collect }) });
}

/** Does the same for a histogram. `buckets` are the upper bounds of its buckets. */
export function declareHistogram<const L extends Labels = None>({
  buckets,
  ...about
}: About<L> & { readonly buckets: readonly number[] }): (registry?: Registry) => Histogram<LabelOf<L>> {
  const options = declare("histogram", about);
  return (registry) => new Histogram({ ...options, buckets: [...buckets], registers: registersOf(registry) });
}

/** What a SpanContext of OpenTelemetry says of its trace. */
export interface Trace {
  readonly traceId: string;
  readonly traceFlags: number;
}

/** Measures one value. If its trace is sampled, the bucket shows this trace as its newest example. */
export type ObserveTraced<L extends string> = (
  labels: Partial<Record<L, string>>,
  value: number,
  trace: Trace | undefined,
) => void;

const SAMPLED = 1;

/**
 * Does the same as `declareHistogram`, for values that belong to a trace. Each bucket keeps the trace of its newest
 * value, so that a person comes from a peak in a chart to one call that is in it. The format OpenMetrics shows it, and
 * the text format does not.
 */
export function declareTracedHistogram<const L extends Labels = None>({
  buckets,
  ...about
}: About<L> & { readonly buckets: readonly number[] }): (registry?: Registry) => ObserveTraced<LabelOf<L>> {
  const options = { ...declare("histogram", about), buckets: [...buckets], enableExemplars: true };
  return (registry) => {
    const histogram = new Histogram<string>({ ...options, registers: [] });
    // Registered here, because prom-client refuses such a histogram in a registry whose format is the text format. This
    // is the format of our registries, and the ops port writes them in OpenMetrics for those who ask for it.
    registry?.registerMetric(histogram);
    return (labels, value, trace) => {
      const isKept = trace !== undefined && (trace.traceFlags & SAMPLED) !== 0;
      histogram.observe({ labels, value, ...(isKept && { exemplarLabels: { trace_id: trace.traceId } }) });
    };
  };
}

const registersOf = (registry: Registry | undefined): Registry[] => (registry === undefined ? [] : [registry]);

function declare<L extends Labels>(type: MetricDeclaration["type"], { name, help, labels }: About<L>) {
  if (declared.has(name)) throw new Error(`two modules declare the metric ${name}`);
  declared.set(name, { name, type, help, labels: labels ?? {} });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.keys loses the type of the keys
  return { name, help, labelNames: Object.keys(labels ?? {}) as LabelOf<L>[] };
}
