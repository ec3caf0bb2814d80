import { once } from "node:events";
import { Refusal } from "@ccsp/errors";
import { freePort } from "@ccsp/fleet";
import { type GrpcServer, type Handlers, implementSome, serveGrpc } from "@ccsp/grpc-kit";
import { EstimateTaskResponse } from "@ccsp/protos/ccsp/queue/v1/explanation.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import type { EnqueueRequest } from "@ccsp/protos/ccsp/queue/v1/submission.js";
import { Task, TaskEvent, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import pino from "pino";

/** A queue with the real API that keeps its tasks in memory. It has only the behaviour that the gateway can see. */
export interface FakeQueue {
  readonly port: number;
  readonly enqueued: readonly EnqueueRequest[];
  /** The number of open watches. */
  watchers(): number;
  append(taskId: string, event: TaskEvent["event"]): void;
  /** Refuses the next Enqueue with this refusal. */
  refuseNext(refusal: Refusal): void;
  /** The next Enqueue stores the task and calls `cut` before its answer. Later ones are refused. */
  cutNext(cut: () => void, then: Refusal): void;
  /** From now on Enqueue stores the task and answers as if its answer was lost. */
  loseAnswers(): void;
  /** Stops the server as a rolling restart does, and starts it again on the same port. The tasks stay. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startFakeQueue(): Promise<FakeQueue> {
  const tasks = new Map<string, Task>();
  const logs = new Map<string, TaskEvent[]>();
  const enqueued: EnqueueRequest[] = [];
  const news = new EventTarget();
  let watchers = 0;
  let refusal: Refusal | undefined;
  let losing = false;
  let cutting: Parameters<FakeQueue["cutNext"]> | undefined;

  const find = (taskId: string, agentId: string): Task => {
    const task = tasks.get(taskId);
    // Without an id, an operator asks.
    if (!task || (agentId !== "" && task.agentId !== agentId)) throw new Refusal("TASK_NOT_FOUND", `no task ${taskId}`);
    return task;
  };
  const enqueue = (request: EnqueueRequest): Task => {
    if (refusal) {
      const once = refusal;
      refusal = undefined;
      throw once;
    }
    enqueued.push(request);
    const task = Task.fromPartial({
      id: `task-${enqueued.length}`,
      agentId: request.agentId,
      state: TaskState.QUEUED,
    });
    tasks.set(task.id, task);
    logs.set(task.id, []);
    if (cutting) {
      const [cut, then] = cutting;
      cutting = undefined;
      refusal = then;
      cut();
    }
    if (losing) throw new Refusal("DEADLINE_EXCEEDED", "too late");
    return task;
  };
  async function* follow(taskId: string, afterSequence: number, signal: AbortSignal): AsyncGenerator<TaskEvent> {
    watchers += 1;
    try {
      for (let next = afterSequence; ; next += 1) {
        const log = logs.get(taskId) ?? [];
        while (!log[next]) await once(news, "append", { signal });
        const event = log[next];
        if (event) yield event;
        if (event?.event?.$case === "taskEnded") return;
      }
    } finally {
      watchers -= 1;
    }
  }
  const handlers: Partial<Handlers<QueueServiceService>> = {
    enqueue: async (request) => ({ task: enqueue(request) }),
    async *run(request, { signal }) {
      const task = enqueue(request);
      yield { task, event: undefined };
      for await (const event of follow(task.id, 0, signal)) yield { task: undefined, event };
    },
    async *watch({ taskId, agentId, afterSequence }, { signal }) {
      find(taskId, agentId);
      for await (const event of follow(taskId, afterSequence, signal)) yield { event };
    },
    get: async ({ taskId, agentId }) => ({ task: find(taskId, agentId) }),
    list: async ({ agentId }) => ({
      tasks: [...tasks.values()].filter((task) => task.agentId === agentId),
      nextPageToken: "",
    }),
    async enqueueBatch({ agentId, items }) {
      const stored = items.map((item) => enqueue({ agentId, ...item }).id);
      return { outcomes: stored.map((value) => ({ outcome: { $case: "taskId", value } })) };
    },
    putSchedule: async ({ schedule }) => ({ schedule }),
    estimateTask: async () => EstimateTaskResponse.fromPartial({}),
    async cancel({ taskId, agentId }) {
      const task = find(taskId, agentId);
      task.state = TaskState.CANCELLED;
      return { task };
    },
    getStatus: async () => GetStatusResponse.fromPartial({ engines: ["claude-code"], maxPromptBytes: 1024n }),
  };

  const serve = (port: number): Promise<GrpcServer> =>
    serveGrpc({
      listen: { host: "127.0.0.1", port },
      services: [implementSome(QueueServiceService, handlers)],
      log: pino({ level: "silent" }),
      lameDuckMs: 0,
      drainMs: 1_000,
    });
  // Not port 0: while this server restarts, the system may give such a port to another process.
  let server = await serve(await freePort());
  const { port } = server;

  return {
    port,
    enqueued,
    watchers: () => watchers,
    append(taskId, event) {
      const log = logs.get(taskId);
      log?.push(TaskEvent.fromPartial({ sequence: log.length + 1, ...(event && { event }) }));
      news.dispatchEvent(new Event("append"));
    },
    refuseNext(next) {
      refusal = next;
    },
    cutNext(...how) {
      cutting = how;
    },
    loseAnswers() {
      losing = true;
    },
    async restart() {
      await server.close();
      server = await serve(port);
    },
    close: () => server.close(),
  };
}
