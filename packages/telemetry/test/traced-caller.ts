import { createClient } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { contextFromTraceparent, shutdownTracing, tracer } from "@ccsp/telemetry";
import { Client, credentials } from "@grpc/grpc-js";
import { context } from "@opentelemetry/api";

/** Calls the traced server at `argv[2]` inside its own span, which continues the trace of TRACEPARENT. */
const target = process.argv[2] ?? "";
const queue = createClient(QueueServiceService, target, { untraced: ["sync"] });

await context.with(contextFromTraceparent(process.env["TRACEPARENT"] ?? ""), () =>
  tracer("test").startActiveSpan("agent", async (span) => {
    await queue.get({ taskId: "t1" });
    await queue.sync({});
    await checkHealth();
    span.end();
  }),
);
queue.close();
await shutdownTracing();

function checkHealth(): Promise<void> {
  const client = new Client(target, credentials.createInsecure());
  const asIs = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest("/grpc.health.v1.Health/Check", asIs, asIs, Buffer.alloc(0), (error) => {
      client.close();
      if (error) reject(error);
      else resolve();
    });
  });
}
