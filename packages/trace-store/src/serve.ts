import { chmod, rm } from "node:fs/promises";
import { promisify } from "node:util";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { createByteRate } from "./byte-rate.js";
import { FIND, type FoundTrace } from "./lookup.js";
import { otlpService } from "./otlp-service.js";
import { type BufferOptions, createTraceBuffer } from "./trace-buffer.js";

export interface TraceStore {
  /** Settings of OpenTelemetry with which a process sends its spans to this store. */
  readonly settings: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Longer names of sockets do not fit into the system's address (`sun_path`, with the zero at its end). */
export const MAX_SOCKET_BYTES = 107;
const OWNER_ONLY = 0o600;
const MAX_EXPORT_BYTES = 4 * 1024 * 1024;
/** About 5,000 spans per second. To decode more would take time from the process that the store is in. */
const RATE = { bytesPerSecond: 2 * 1024 * 1024, burst: 8 * 1024 * 1024 };
const FULL = "the trace store of this fleet takes 2 MiB of spans per second; these spans are lost";
/** The SDK's default is 5 s. A person who asks for a trace waits this long for its last spans. */
const EXPORT_DELAY_MS = 1_000;

/**
 * Serves a store of traces on a unix socket that only its owner may open. It cannot grow beyond its bounds: it drops
 * the oldest traces, and refuses exports that come too fast. A socket that a killed process left behind is replaced, so
 * the caller makes sure that no other store serves it. Others can open the socket for a moment after its creation, so it
 * belongs in a folder that only its owner may enter. `now` is for tests.
 */
export async function serveTraces(
  socket: string,
  { now, ...options }: BufferOptions & { readonly now?: () => number } = {},
): Promise<TraceStore> {
  const buffer = createTraceBuffer(options);
  const take = createByteRate(RATE, now);
  const server = new Server({
    "grpc.max_receive_message_length": MAX_EXPORT_BYTES,
    "grpc.max_concurrent_streams": 16,
  });
  const otlp = otlpService(
    (spans) => buffer.add(spans),
    (bytes) => (take(bytes) ? undefined : FULL),
  );
  server.addService(otlp.definition, otlp.handlers);
  server.addService(
    { Find: FIND },
    {
      Find: (call: ServerUnaryCall<string, FoundTrace>, answer: sendUnaryData<FoundTrace>) => {
        const found = buffer.find(call.request) ?? { spans: [], droppedSpans: 0 };
        answer(null, { ...found, store: buffer.counts() });
      },
    },
  );
  await rm(socket, { force: true });
  await promisify(server.bindAsync.bind(server))(`unix:${socket}`, ServerCredentials.createInsecure());
  await chmod(socket, OWNER_ONLY);
  return {
    settings: {
      // With "//", because the exporter takes other names for hosts.
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `unix://${socket}`,
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "grpc",
      OTEL_EXPORTER_OTLP_TRACES_INSECURE: "true",
      OTEL_BSP_SCHEDULE_DELAY: String(EXPORT_DELAY_MS),
    },
    async close() {
      server.forceShutdown();
      await rm(socket, { force: true });
    },
  };
}
