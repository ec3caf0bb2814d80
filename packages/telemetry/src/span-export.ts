import { readFileSync } from "node:fs";
import type { HrTime } from "@opentelemetry/api";
import { ExportResultCode, getNumberFromEnv, hrTimeToMilliseconds, millisToHrTime } from "@opentelemetry/core";
import {
  defaultResource,
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ConsoleSpanExporter,
  type ReadableSpan,
  type Span,
  type SpanExporter,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace";
import { currentService, type ServiceIdentity } from "./service-scope.js";
import { exportTo, notBefore } from "./tracing.js";

/** The SDK's own default of OTEL_BSP_MAX_QUEUE_SIZE. */
const MOST_WAITING = 2_048;

/** Spans that this process made and the collector did not get. */
let lost = 0;
export const lostSpans = (): number => lost;

/**
 * Makes the processor that OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_PROTOCOL and OTEL_BSP_* describe. Each span gets the
 * resource of the service that made it, and spans that are lost are counted. Undefined: nothing is exported.
 */
export async function spanExport(): Promise<SpanProcessor | undefined> {
  const exporter = await exporterOfEnv();
  if (exporter === undefined) return undefined;
  const maxQueueSize = getNumberFromEnv("OTEL_BSP_MAX_QUEUE_SIZE") ?? MOST_WAITING;
  let waiting = 0;
  const batches = new BatchSpanProcessor({
    exporter: {
      export(spans, done) {
        waiting -= spans.length;
        exporter.export(spans, (result) => {
          if (result.code !== ExportResultCode.SUCCESS) lost += spans.length;
          done(result);
        });
      },
      shutdown: () => exporter.shutdown(),
    },
    maxQueueSize,
    ...given("scheduledDelayMillis", "OTEL_BSP_SCHEDULE_DELAY"),
    ...given("exportTimeoutMillis", "OTEL_BSP_EXPORT_TIMEOUT"),
    ...given("maxExportBatchSize", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
  });
  const resourceOf = createResources();
  const add = (span: ReadableSpan): void => {
    if (waiting >= maxQueueSize) {
      lost += 1;
      return;
    }
    if (span.spanContext().traceFlags & 1) waiting += 1;
    batches.onEnd(span);
  };
  exportTo((span) => add({ ...span, resource: resourceOf() }));
  return {
    onStart(span: Span) {
      Object.assign(span, { resource: resourceOf() });
    },
    onEnd(span: ReadableSpan) {
      add(Object.assign(span, { endTime: endOf(span) }));
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
  };
}

/** The SDK's own end is less than a millisecond before the true one. If it differs by more, a clock has jumped. */
const NEAR_MS = 2;

/**
 * The end of a span, in whole milliseconds as its start is. The SDK adds the exact length to a start that it rounded
 * down, so a child could end up to a millisecond after its parent. Programs that show traces take this for a wrong
 * clock, and a span without a length for a negative one. An end in whole milliseconds was given by the caller.
 */
export function endOf({ startTime, endTime }: Pick<ReadableSpan, "startTime" | "endTime">, now = Date.now()): HrTime {
  if (endTime[1] % 1e6 === 0) return notBefore(startTime, endTime);
  const own = Math.floor(hrTimeToMilliseconds(endTime));
  return notBefore(startTime, millisToHrTime(Math.abs(now - own) < NEAR_MS ? now : own));
}

const given = <N extends string>(name: N, variable: string): { readonly [K in N]?: number } => {
  const value = getNumberFromEnv(variable);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a computed key loses its type
  return (value === undefined ? {} : { [name]: value }) as { readonly [K in N]?: number };
};

async function exporterOfEnv(): Promise<SpanExporter | undefined> {
  const { OTEL_TRACES_EXPORTER: wanted = "otlp", ...env } = process.env;
  if (wanted.includes("none")) return undefined;
  if (wanted.includes("console")) return new ConsoleSpanExporter();
  const protocol = env["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] ?? env["OTEL_EXPORTER_OTLP_PROTOCOL"];
  // Loaded only now: each of them takes 20 ms of the start.
  if (protocol === "http/json") {
    return new (await import("@opentelemetry/exporter-trace-otlp-http")).OTLPTraceExporter();
  }
  if (protocol === "http/protobuf") {
    return new (await import("@opentelemetry/exporter-trace-otlp-proto")).OTLPTraceExporter();
  }
  return new (await import("@opentelemetry/exporter-trace-otlp-grpc")).OTLPTraceExporter();
}

/**
 * The resource of the current service. What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say wins. It has nothing of
 * the host and of the process: their owner, command line and paths belong to nobody who reads traces.
 */
function createResources(): () => Resource {
  const told = detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] });
  const version = packageVersion();
  const known = new Map<ServiceIdentity | undefined, Resource>();
  const make = (service: ServiceIdentity | undefined): Resource => {
    const own = service && {
      "service.name": `ccsp-${service.name}`,
      "service.namespace": "ccsp",
      "service.version": version,
      "service.instance.id": service.instance,
    };
    const made = defaultResource()
      .merge(resourceFromAttributes(own ?? {}))
      .merge(told);
    known.set(service, made);
    return made;
  };
  return () => {
    const service = currentService();
    return known.get(service) ?? make(service);
  };
}

function packageVersion(): string {
  const { version }: { version: string } = JSON.parse(
    readFileSync(new URL("../package.json", import.meta.url), "utf8"),
  );
  return version;
}
