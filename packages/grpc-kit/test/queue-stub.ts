import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { GetResponse, WatchResponse } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { TaskEvent } from "@ccsp/protos/ccsp/task/v1/task.js";
import { pino } from "pino";
import { CallError, createClient, type Handlers, implementSome, type ServeOptions, serveGrpc } from "../src/index.js";

export type QueueHandlers = Handlers<typeof QueueServiceService>;
export type Queue = ReturnType<typeof queueClient>;

/** The queue's service with only the methods that a test needs. The other methods are not implemented. */
function queueStub(handlers: Partial<QueueHandlers>) {
  return implementSome(QueueServiceService, { get: async (request) => taskNamed(request.taskId), ...handlers });
}

export function serveQueue(handlers: Partial<QueueHandlers>, options: Partial<ServeOptions> = {}) {
  return serveGrpc({
    listen: { host: "127.0.0.1", port: 0 },
    services: [queueStub(handlers)],
    log: pino({ level: "silent" }),
    drainMs: 2_000,
    lameDuckMs: 0,
    ...options,
  });
}

export function queueClient(target: string, options?: Parameters<typeof createClient<QueueServiceService>>[2]) {
  return createClient(QueueServiceService, target, {
    ...options,
    // The next test must not reuse the connections of this test.
    channelOptions: { "grpc.use_local_subchannel_pool": 1, ...options?.channelOptions },
  });
}

export function taskNamed(id: string): GetResponse {
  return GetResponse.fromPartial({ task: { id } });
}

export function entry(sequence: number, text = ""): WatchResponse {
  const event = TaskEvent.fromPartial({ sequence, event: { $case: "textDelta", value: { text } } });
  return { event };
}

/** Returns the CallError of a failed call. Any other outcome fails the test. */
export async function failure(call: Promise<unknown>): Promise<CallError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof CallError) return error;
    throw error;
  }
  throw new Error("the call succeeded");
}

/** Reads a stream to its end. */
export async function drain(stream: AsyncIterable<WatchResponse>): Promise<number[]> {
  const sequences: number[] = [];
  for await (const { event } of stream) sequences.push(event?.sequence ?? -1);
  return sequences;
}
