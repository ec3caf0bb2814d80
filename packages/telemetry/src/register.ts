/**
 * Sets tracing up for a process; load it before anything else: `node --import @ccsp/telemetry/register.js main.js`.
 * W3C trace context is read and passed on in any case; spans are exported, by OTLP over gRPC, only when an OTLP endpoint is set.
 * Those of calls are made by @ccsp/grpc-kit: no instrumentation patches anything.
 * The SDK's own variables hold: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_EXPORTER_OTLP_*.
 */
import { DiagLogLevel, diag } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { core, NodeSDK, resources, tracing } from "@opentelemetry/sdk-node";
import { exportFaults } from "./export-faults.js";

const exporting = Boolean(
  process.env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] || process.env["OTEL_EXPORTER_OTLP_ENDPOINT"],
);

// Without a logger a collector that is away loses spans in silence.
diag.setLogger(exportFaults(), DiagLogLevel.ERROR);

new NodeSDK({
  resourceDetectors: [resources.envDetector],
  // Without any processor the SDK would make no spans, and then there would be no context to pass on either.
  spanProcessors: [
    exporting ? new tracing.BatchSpanProcessor(new OTLPTraceExporter()) : new tracing.NoopSpanProcessor(),
  ],
  // Metrics are Prometheus' and logs are pino's: the SDK has no part in either.
  metricReaders: [],
  logRecordProcessors: [],
  // Trace context only: baggage of an agent would travel to every service behind the gateway.
  textMapPropagator: new core.W3CTraceContextPropagator(),
}).start();
