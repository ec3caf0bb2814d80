import { CALLER_LIMITS } from "@ccsp/errors";
import { declareCounter, declareTracedHistogram, type Trace } from "@ccsp/metrics";
import { status } from "@grpc/grpc-js";
import { Counter, Histogram, type MetricValueWithName, type Registry } from "prom-client";
import { splitPath } from "../wire/service-shape.js";
import { CONNECTION_LIMITS } from "./connections.js";

/** Reports one finished call. `path` is the full method name. `trace`: that of its span, if it has one. */
export type ObserveCall = (path: string, code: status, seconds: number, trace?: Trace) => void;

type Labels = Record<"service" | "method" | "code", string>;

const NAME = "rpc_server_duration_seconds";
const DURATION = declareTracedHistogram({
  name: NAME,
  help: "Duration of served gRPC calls; for a stream, until it ended",
  labels: {
    service: "gRPC services of the protos",
    method: "methods of the service",
    code: Object.keys(status).filter((name) => /^[A-Z]/.test(name)),
  },
  buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
});
const REFUSED_NAME = "rpc_server_refused_total";
const REFUSED = declareCounter({
  name: REFUSED_NAME,
  help: "Connections and calls that a limit for one address or caller refused, by the limit",
  labels: { limit: [...CALLER_LIMITS, ...CONNECTION_LIMITS] },
});

/**
 * Records rate, errors and duration of served calls in one histogram. The labels have a closed set of values: methods
 * and status codes.
 */
export function observeCalls(registry: Registry | undefined): ObserveCall {
  if (!registry) return () => undefined;
  const observe = DURATION(registry);
  const known = new Map<string, Labels>();
  return (path, code, seconds, trace) => {
    const kind = `${code}${path}`;
    const labels = known.get(kind) ?? { ...splitPath(path), code: status[code] };
    known.set(kind, labels);
    observe(labels, seconds, trace);
  };
}

/** The calls of one method that ended with one code, since the start of the process. */
export interface CallCounts {
  /** Full name of the method. */
  readonly path: string;
  /** Name of the status code, such as `OK`. */
  readonly code: string;
  readonly count: number;
  /** Upper bounds of the durations in seconds, ascending, and how many calls were not longer. */
  readonly within: readonly { readonly seconds: number; readonly count: number }[];
}

/** Reads what `observeCalls` has recorded in this registry. Returns nothing if no server uses the registry. */
export async function readCalls(registry: Registry): Promise<readonly CallCounts[]> {
  const found = new Map<string, { -readonly [K in keyof CallCounts]: CallCounts[K] }>();
  for (const { labels, value, metricName } of await valuesOf(registry)) {
    const path = `/${labels["service"]}/${labels["method"]}`;
    const code = String(labels["code"]);
    const counts = found.get(`${code}${path}`) ?? { path, code, count: 0, within: [] };
    found.set(`${code}${path}`, counts);
    if (metricName === `${NAME}_count`) counts.count = value;
    if (metricName !== `${NAME}_bucket` || labels["le"] === "+Inf") continue;
    counts.within = [...counts.within, { seconds: Number(labels["le"]), count: value }];
  }
  return [...found.values()];
}

async function valuesOf(registry: Registry): Promise<readonly MetricValueWithName<string>[]> {
  const metric = registry.getSingleMetric(NAME);
  return metric instanceof Histogram ? (await metric.get()).values : [];
}

/** Counts the connections and calls that a limit refused, with the limit as label. Servers may share a registry. */
export function countRefused(registry: Registry | undefined): (limit: string) => void {
  if (!registry) return () => undefined;
  const known = registry.getSingleMetric(REFUSED_NAME);
  const refused = known instanceof Counter ? known : REFUSED(registry);
  return (limit) => refused.inc({ limit });
}
