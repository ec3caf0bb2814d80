import { createClient } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { contextFromTraceparent, shutdownTracing } from "@ccsp/telemetry";
import { context } from "@opentelemetry/api";

/**
 * Makes calls that fail, to the failing server at `argv[2]`. They are in the trace of TRACEPARENT, and the last one is
 * in the trace of NAMED.
 */
const queue = createClient(QueueServiceService, process.argv[2] ?? "");

await context.with(contextFromTraceparent(process.env["TRACEPARENT"] ?? ""), async () => {
  await queue.get({ taskId: "refused" }).catch(() => undefined);
  await queue.get({ taskId: "late" }, { timeoutMs: 100 }).catch(() => undefined);
  await drain("refused").catch(() => undefined);
  for await (const _ of queue.watch({ taskId: "left" })) break;
  const metadata = { traceparent: process.env["NAMED"] ?? "" };
  await queue.get({ taskId: "refused" }, { metadata }).catch(() => undefined);
});
queue.close();
await shutdownTracing();

async function drain(taskId: string): Promise<void> {
  for await (const _ of queue.watch({ taskId }));
}
