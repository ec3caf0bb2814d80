/**
 * Sets tracing up for a process; load it before anything else: `node --import @ccsp/telemetry/register.js main.js`.
 * W3C trace context is read and passed on in any case; spans are exported, by OTLP over gRPC, only when an OTLP endpoint is set.
 * The SDK's own variables hold: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_EXPORTER_OTLP_*.
 */
import { createRequire } from "node:module";
import { DiagLogLevel, diag } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { GrpcInstrumentation } from "@opentelemetry/instrumentation-grpc";
import { core, NodeSDK, resources, tracing } from "@opentelemetry/sdk-node";
import { exportFaults } from "./export-faults.js";

/**
 * Calls made that come by the second and belong to no task; who serves them says so to @ccsp/grpc-kit. Names without their
 * service, since that is all the instrumentation looks at: Watch of grpc.health.v1 is not here because QueueService has one too.
 */
const UNTRACED_METHODS = ["Check", "ServerReflectionInfo", "Sync"];

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
  instrumentations: [new GrpcInstrumentation({ ignoreGrpcMethods: UNTRACED_METHODS })],
}).start();

// grpc-js is CommonJS and is patched in place as it is required: whoever imports it later, ES module or not, gets the patched one.
// The ES module hook of @opentelemetry/instrumentation does the same from a thread of its own, for 14 MB more (84 MB against 70 MB).
const { Server }: typeof import("@grpc/grpc-js") = createRequire(import.meta.url)("@grpc/grpc-js");

// Clients only: @ccsp/grpc-kit makes the spans of what it serves itself, at a fraction of the cost, and they would be there twice.
const patched: unknown = Reflect.get(Server.prototype, "register");
const original: unknown = typeof patched === "function" ? Reflect.get(patched, "__original") : undefined;
if (typeof original === "function") Reflect.set(Server.prototype, "register", original);
