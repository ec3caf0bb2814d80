/**
 * Sets tracing up for a process; load it before anything else: `node --import @ccsp/telemetry/register.js main.js`.
 * W3C trace context is read and passed on in any case; spans are exported, by OTLP over gRPC, only when an OTLP endpoint is set.
 * Those of calls are made by @ccsp/grpc-kit: no instrumentation patches anything.
 * The SDK's own variables hold: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_EXPORTER_OTLP_*.
 * One default differs: OTEL_EXPORTER_OTLP_PROTOCOL is grpc.
 */
import { DiagLogLevel, diag } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { startNodeSdk } from "@opentelemetry/sdk-node";
import { NoopSpanProcessor } from "@opentelemetry/sdk-trace";
import { exportFaults } from "./export-faults.js";

const exporting = Boolean(
  process.env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] || process.env["OTEL_EXPORTER_OTLP_ENDPOINT"],
);
process.env["OTEL_EXPORTER_OTLP_PROTOCOL"] ??= "grpc";

startNodeSdk({
  // Without any processor the SDK would make no spans, and then there would be no context to pass on either. With none named here,
  // it makes the one that OTEL_BSP_* and OTEL_EXPORTER_OTLP_* describe.
  ...(exporting ? {} : { spanProcessors: [new NoopSpanProcessor()] }),
  // Metrics are Prometheus' and logs are pino's: the SDK has no part in either.
  metricReaders: [],
  logRecordProcessors: [],
  // Trace context only: baggage of an agent would travel to every service behind the gateway.
  propagators: [new W3CTraceContextPropagator()],
});

// Without a logger a collector that is away loses spans in silence. The SDK sets one of its own, so this comes after it.
diag.setLogger(exportFaults(), { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true });
