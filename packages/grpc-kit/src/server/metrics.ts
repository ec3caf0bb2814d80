import { CALLER_LIMITS } from "@ccsp/errors";
import { declareCounter, declareHistogram } from "@ccsp/metrics";
import { status } from "@grpc/grpc-js";
import type { Registry } from "prom-client";
import { splitPath } from "../wire/service-shape.js";
import { CONNECTION_LIMITS } from "./listener.js";

/** Reports one finished call. `path` is the full method name. */
export type ObserveCall = (path: string, code: status, seconds: number) => void;

type Labels = Record<"service" | "method" | "code", string>;

const DURATION = declareHistogram({
  name: "rpc_server_duration_seconds",
  help: "Duration of served gRPC calls; for a stream, until it ended",
  labels: {
    service: "gRPC services of the protos",
    method: "methods of the service",
    code: Object.keys(status).filter((name) => /^[A-Z]/.test(name)),
  },
  buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
});
const REFUSED = declareCounter({
  name: "rpc_server_refused_total",
  help: "Connections and calls that a limit for one address or caller refused, by the limit",
  labels: { limit: [...CALLER_LIMITS, ...CONNECTION_LIMITS] },
});

/**
 * Records rate, errors and duration of served calls in one histogram. The labels have a closed set of values: methods
 * and status codes.
 */
export function observeCalls(registry: Registry | undefined): ObserveCall {
  if (!registry) return () => undefined;
  const duration = DURATION(registry);
  const known = new Map<string, Labels>();
  return (path, code, seconds) => {
    const kind = `${code}${path}`;
    const labels = known.get(kind) ?? { ...splitPath(path), code: status[code] };
    known.set(kind, labels);
    duration.observe(labels, seconds);
  };
}

/** Counts the connections and calls that a limit refused, with the limit as label. */
export function countRefused(registry: Registry | undefined): (limit: string) => void {
  if (!registry) return () => undefined;
  const refused = REFUSED(registry);
  return (limit) => refused.inc({ limit });
}
