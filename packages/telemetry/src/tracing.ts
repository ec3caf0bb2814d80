import { ProxyTracerProvider, type Tracer, type TracerProvider, trace } from "@opentelemetry/api";

/**
 * Returns a tracer. Its spans are dropped, at almost no cost, if the process was started without `--import
 * @ccsp/telemetry/register.js`.
 */
export function tracer(name: string): Tracer {
  return trace.getTracer(name);
}

/**
 * Exports the waiting spans and stops tracing. Spans that end later are lost, so call it last. Does nothing if
 * register.js was not loaded. Rejects if the collector does not accept the spans.
 */
export async function shutdownTracing(): Promise<void> {
  const provider = trace.getTracerProvider();
  const delegate = provider instanceof ProxyTracerProvider ? provider.getDelegate() : provider;
  if (canShutDown(delegate)) await delegate.shutdown();
}

function canShutDown(provider: TracerProvider): provider is TracerProvider & { shutdown(): Promise<void> } {
  return "shutdown" in provider && typeof provider.shutdown === "function";
}
