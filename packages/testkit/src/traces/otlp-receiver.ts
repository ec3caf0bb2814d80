import { promisify } from "node:util";
import { byStart, otlpService, type Span } from "@ccsp/trace-store";
import { Server, ServerCredentials } from "@grpc/grpc-js";

export interface OtlpReceiver {
  /** The value for OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  /** The newest 100,000 received spans, in the order of arrival. */
  spans(): readonly Span[];
  /** The spans of one trace, sorted by start time. */
  trace(traceId: string): readonly Span[];
  /** The attributes of the newest resource of each service, by its name. */
  resources(): ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  close(): Promise<void>;
}

const KEEP_SPANS = 100_000;
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/**
 * Starts an OTLP trace collector over gRPC on a free loopback port. It keeps spans in memory. Close it with `close`.
 */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const received: Span[] = [];
  const server = new Server({ "grpc.max_receive_message_length": MAX_MESSAGE_BYTES });
  const resources = new Map<string, Readonly<Record<string, unknown>>>();
  const { definition, handlers } = otlpService((spans, sentBy) => {
    for (const resource of sentBy) resources.set(String(resource["service.name"]), resource);
    received.push(...spans);
    received.splice(0, received.length - KEEP_SPANS);
  });
  server.addService(definition, handlers);
  const bind = promisify(server.bindAsync.bind(server));
  const port = await bind("127.0.0.1:0", ServerCredentials.createInsecure());
  return {
    endpoint: `http://127.0.0.1:${port}`,
    spans: () => received,
    trace: (traceId) => received.filter((span) => span.traceId === traceId).toSorted(byStart),
    resources: () => resources,
    async close() {
      server.forceShutdown();
    },
  };
}
