/**
 * Sets up tracing for a process. The process always reads W3C trace context and passes it on. It exports spans, with
 * OTLP over gRPC, only if an OTLP endpoint is set. @ccsp/grpc-kit makes the spans of calls: no instrumentation patches
 * any code.
 *
 * The SDK's own variables apply: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_*,
 * OTEL_EXPORTER_OTLP_*. One default differs: OTEL_EXPORTER_OTLP_PROTOCOL is grpc. Each sampler counts for new traces. A
 * service names itself (`inService`). Without any such variable, the SDK is not loaded: `startBare` does the same.
 */
import { context, DiagLogLevel, diag, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { NoopSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { exportFaults } from "./export-faults.js";
import { spanExport } from "./span-export.js";

// The SDK takes 0.2 s and 15 MB to load. A variable that is empty counts as not set.
const asked = Object.entries(process.env).some(([name, value]) => name.startsWith("OTEL_") && value?.trim());
if (asked) await startSdk();
else startBare();

// Without a logger, spans are lost without any message when a collector is down. The SDK sets its own logger, so this
// line must come after it.
diag.setLogger(exportFaults(), { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true });

async function startSdk(): Promise<void> {
  const { startNodeSdk } = await import("@opentelemetry/sdk-node");
  const exporting = Boolean(
    process.env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] || process.env["OTEL_EXPORTER_OTLP_ENDPOINT"],
  );
  process.env["OTEL_EXPORTER_OTLP_PROTOCOL"] ??= "grpc";

  // A trace is decided once, where it begins. Without a parent, the sampler decides as it is named.
  const sampler = process.env["OTEL_TRACES_SAMPLER"] ?? "";
  if (/^(?:always_on|always_off|traceidratio)$/.test(sampler)) {
    process.env["OTEL_TRACES_SAMPLER"] = `parentbased_${sampler}`;
  }

  const spans = exporting ? await spanExport() : undefined;

  startNodeSdk({
    // Without any processor the SDK would make no spans, and there would be no context to pass on.
    spanProcessors: [spans ?? new NoopSpanProcessor()],
    // Each span gets the resource of its service.
    resourceDetectors: [],
    // prom-client handles metrics and pino handles logs. The SDK does neither.
    metricReaders: [],
    logRecordProcessors: [],
    // Trace context only: with baggage, an agent's baggage would travel to every service behind the gateway.
    propagators: [new W3CTraceContextPropagator()],
  });
}

/** Makes spans that pass the context on, and exports none. */
function startBare(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new NoopSpanProcessor()] }));
}
