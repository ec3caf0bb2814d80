import { Refusal } from "@ccsp/errors";
import { implement, serveGrpc } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { WatchResponse } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { createLogger, shutdownTracing } from "@ccsp/telemetry";

/**
 * Serves calls that never succeed. Calls for the task "refused" are refused. All others wait and ignore their signal.
 */
const log = createLogger({ name: "server", level: "info", instance: "server-1" });
const { get, list, watch } = QueueServiceService;

const queue = implement(
  { get, list, watch },
  {
    get: ({ taskId }) => refuseOrWait(taskId),
    list: () => refuseOrWait("refused"),
    async *watch({ taskId }) {
      yield WatchResponse.fromPartial({});
      await refuseOrWait(taskId);
    },
  },
  { untraced: ["list"] },
);

function refuseOrWait(taskId: string): Promise<never> {
  if (taskId === "refused") throw new Refusal("TASK_NOT_FOUND", "no such task");
  log.info(`${taskId} waits`);
  return new Promise(() => {});
}

const listen = { host: "127.0.0.1", port: 0 };
const server = await serveGrpc({
  listen,
  services: [queue],
  log,
  lameDuckMs: 0,
  async admit(_method, { authorization }) {
    if (authorization === "wrong") throw new Refusal("TOKEN_INVALID", "not let in");
    return undefined;
  },
});
process.once("SIGTERM", () => {
  void server.close().then(shutdownTracing);
});
log.info({ port: server.port }, "ready");
