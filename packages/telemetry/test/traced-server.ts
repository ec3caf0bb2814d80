import { implement, serveGrpc } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { SyncResponse } from "@ccsp/protos/ccsp/queue/v1/sync.js";
import { GetResponse } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { createLogger, inService, shutdownTracing, tracer } from "@ccsp/telemetry";

/** Serves two methods of the queue. Logs its port and each call. */
const log = createLogger({ name: "server", level: "info", instance: "server-1" });
const { get, sync } = QueueServiceService;

const queue = implement(
  { get, sync },
  {
    async get(request) {
      log.info("get served");
      tracer("test").startActiveSpan("work", (span) => span.end());
      return GetResponse.fromPartial({ task: { id: request.taskId } });
    },
    async sync() {
      log.info("sync served");
      return SyncResponse.fromPartial({});
    },
  },
  { untraced: ["sync"] },
);
const listen = { host: "127.0.0.1", port: 0 };
const server = await inService({ name: "queue", instance: "queue-7" }, () =>
  serveGrpc({ listen, services: [queue], log, lameDuckMs: 0 }),
);
process.once("SIGTERM", () => {
  void server.close().then(shutdownTracing);
});
log.info({ port: server.port }, "ready");
