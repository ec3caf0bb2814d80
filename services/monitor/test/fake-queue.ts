import { Refusal } from "@ccsp/errors";
import { type GrpcServer, implementSome, serveGrpc } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { ListResponse } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { pino } from "pino";

type Status = Parameters<typeof GetStatusResponse.fromPartial>[0];
type Tasks = Parameters<typeof ListResponse.fromPartial>[0]["tasks"] & object;

export interface FakeQueue {
  readonly target: string;
  /** What GetStatus answers from now on. */
  status: Status;
  /** What List answers for running tasks, and for those that succeeded. */
  running: Tasks;
  succeeded: Tasks;
  /** It refuses to tell its status. */
  fails: boolean;
  close(): Promise<void>;
}

/** A queue that answers what the test says. */
export async function startFakeQueue(): Promise<FakeQueue> {
  let server: GrpcServer | undefined;
  const queue: FakeQueue = {
    target: "",
    status: {},
    running: [],
    succeeded: [],
    fails: false,
    close: async () => server?.close(),
  };
  const service = implementSome(QueueServiceService, {
    getStatus: async () => {
      if (queue.fails) throw new Refusal("INVALID_FIELD", "the queue is away");
      return GetStatusResponse.fromPartial(queue.status);
    },
    list: async ({ states }) =>
      ListResponse.fromPartial({ tasks: states.includes(TaskState.RUNNING) ? queue.running : queue.succeeded }),
  });
  server = await serveGrpc({
    listen: { host: "127.0.0.1", port: 0 },
    services: [service],
    log: pino({ level: "silent" }),
    lameDuckMs: 0,
    drainMs: 1_000,
  });
  return Object.assign(queue, { target: `static:///127.0.0.1:${server.port}` });
}
