import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Server, ServerCredentials, type ServiceDefinition, type UntypedHandleCall } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { decodeExport, type ExportRequest } from "./decode.js";
import { byStart, type ReceivedSpan } from "./received-span.js";

export interface OtlpReceiver {
  /** The value for OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  /** The newest 100,000 received spans, in the order of arrival. */
  spans(): readonly ReceivedSpan[];
  /** The spans of one trace, sorted by start time. */
  trace(traceId: string): readonly ReceivedSpan[];
  close(): Promise<void>;
}

const PROTO = fileURLToPath(new URL("../../proto/otlp-trace.proto", import.meta.url));
const SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService";
const KEEP_SPANS = 100_000;
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/**
 * Starts an OTLP trace collector over gRPC on a free loopback port. It keeps spans in memory. Close it with `close`.
 */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const received: ReceivedSpan[] = [];
  const server = new Server({ "grpc.max_receive_message_length": MAX_MESSAGE_BYTES });
  server.addService(traceService(), {
    Export: ((call: { request: ExportRequest }, answer: (error: null, reply: object) => void) => {
      received.push(...decodeExport(call.request));
      received.splice(0, received.length - KEEP_SPANS);
      answer(null, {});
    }) as UntypedHandleCall,
  });
  const bind = promisify(server.bindAsync.bind(server));
  const port = await bind("127.0.0.1:0", ServerCredentials.createInsecure());
  return {
    endpoint: `http://127.0.0.1:${port}`,
    spans: () => received,
    trace: (traceId) => received.filter((span) => span.traceId === traceId).toSorted(byStart),
    async close() {
      server.forceShutdown();
    },
  };
}

function traceService(): ServiceDefinition {
  const loaded = loadSync(PROTO, { longs: String, enums: String, defaults: true, oneofs: true })[SERVICE];
  if (!loaded || "format" in loaded) throw new Error(`${PROTO} does not define ${SERVICE}`);
  return loaded;
}
