import { ProxyTracerProvider, type Tracer, type TracerProvider, trace } from "@opentelemetry/api";

/** Spans made with it go nowhere, at next to no cost, unless the process was started with `--import @ccsp/telemetry/register.js`. */
export function tracer(name: string): Tracer {
  return trace.getTracer(name);
}

/**
 * Exports the spans that still wait, and stops. Spans that end later are lost: call it last. Does nothing when register.js was
 * not loaded. Rejects when the collector does not take them.
 */
export async function shutdownTracing(): Promise<void> {
  const provider = trace.getTracerProvider();
  const delegate = provider instanceof ProxyTracerProvider ? provider.getDelegate() : provider;
  if (canShutDown(delegate)) await delegate.shutdown();
}

function canShutDown(provider: TracerProvider): provider is TracerProvider & { shutdown(): Promise<void> } {
  return "shutdown" in provider && typeof provider.shutdown === "function";
}
