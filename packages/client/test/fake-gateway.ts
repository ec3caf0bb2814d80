import { once } from "node:events";
import { Refusal } from "@ccsp/errors";
import {
  type CallContext,
  type GrpcServer,
  type Handlers,
  implementSome,
  type ServeOptions,
  serveGrpc,
} from "@ccsp/grpc-kit";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { Task, TaskEvent, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import pino from "pino";

/**
 * A fake AgentService that holds its tasks in memory. A test can restart it and make it fail. The log of each new task
 * is the script.
 */
export interface FakeGateway {
  readonly target: string;
  /** The headers of every call so far. */
  readonly headers: readonly CallContext["headers"][];
  /** How often each task was asked for, by request id. */
  readonly requests: ReadonlyMap<string, number>;
  watchers(): number;
  append(taskId: string, event: TaskEvent["event"]): void;
  /** Ends every open stream with this refusal. */
  endStreams(refusal: Refusal): void;
  /** Refuses the next call with this refusal. */
  refuseNext(refusal: Refusal): void;
  /** Called when the next call has taken effect, before it is answered. */
  beforeNextAnswer(act: () => void): void;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startFakeGateway(
  script: readonly TaskEvent["event"][] = [],
  credentials?: ServeOptions["credentials"],
): Promise<FakeGateway> {
  const tasks = new Map<string, Task>();
  const logs = new Map<string, TaskEvent[]>();
  const requests = new Map<string, number>();
  const headers: CallContext["headers"][] = [];
  const news = new EventTarget();
  let watchers = 0;
  const schedules = new Set<string>();
  let refusal: Refusal | undefined;
  let beforeAnswer: (() => void) | undefined;
  let streamsEnd: Refusal | undefined;

  const append: FakeGateway["append"] = (taskId, event) => {
    const log = logs.get(taskId);
    log?.push(TaskEvent.fromPartial({ sequence: log.length + 1, attempt: 1, ...(event && { event }) }));
    news.dispatchEvent(new Event("append"));
  };
  const admit = (context: CallContext) => {
    headers.push(context.headers);
    if (!refusal) return;
    const refused = refusal;
    refusal = undefined;
    throw refused;
  };
  const answer = <T>(response: T): T => {
    const act = beforeAnswer;
    beforeAnswer = undefined;
    act?.();
    return response;
  };
  const find = (taskId: string): Task => {
    const task = tasks.get(taskId);
    if (!task) throw new Refusal("TASK_NOT_FOUND", `no task ${taskId}`);
    return task;
  };
  const submit = (requestId: string): Task => {
    requests.set(requestId, (requests.get(requestId) ?? 0) + 1);
    const id = `task-of-${requestId}`;
    const task = tasks.get(id) ?? Task.fromPartial({ id, state: TaskState.QUEUED });
    tasks.set(id, task);
    if (!logs.has(id)) {
      logs.set(id, []);
      for (const event of script) append(id, event);
    }
    return task;
  };
  async function* follow(taskId: string, afterSequence: number, { signal }: CallContext) {
    watchers += 1;
    try {
      for (let next = afterSequence; ; next += 1) {
        const log = logs.get(taskId) ?? [];
        while (!log[next]) {
          await once(news, "append", { signal });
          if (streamsEnd) throw streamsEnd;
        }
        const event = log[next];
        if (event) yield event;
        if (event?.event?.$case === "taskEnded" && next === log.length - 1) return;
      }
    } finally {
      watchers -= 1;
    }
  }

  const handlers: Partial<Handlers<AgentServiceService>> = {
    async submitTask({ requestId }, context) {
      admit(context);
      return answer({ task: submit(requestId) });
    },
    async submitTasks(request, context) {
      admit(context);
      return answer({
        outcomes: request.tasks.map(({ spec, requestId }) => {
          const value = { reason: "OVERLOADED", message: "not now", retryAfter: undefined, fields: [] };
          if (spec?.prompt === "refused") return { outcome: { $case: "refused", value } };
          return { outcome: { $case: "taskId", value: submit(requestId).id } };
        }),
      });
    },
    async putSchedule({ schedule }, context) {
      admit(context);
      schedules.add(schedule?.name ?? "");
      return answer({ schedule });
    },
    async deleteSchedule({ name }, context) {
      admit(context);
      if (!schedules.delete(name)) throw new Refusal("SCHEDULE_NOT_FOUND", "no such schedule");
      return answer({});
    },
    async *runTask({ requestId }, context) {
      admit(context);
      const task = answer(submit(requestId));
      yield { message: { $case: "task", value: task } };
      for await (const event of follow(task.id, 0, context)) yield { message: { $case: "event", value: event } };
    },
    async *watchTask({ taskId, afterSequence }, context) {
      admit(context);
      find(taskId);
      for await (const event of follow(taskId, afterSequence, context)) yield { event };
    },
    async getTask({ taskId }, context) {
      admit(context);
      return { task: find(taskId) };
    },
    async listTasks({ pageToken, pageSize }, context) {
      admit(context);
      const from = Number(pageToken || 0);
      const to = from + (pageSize || 50);
      const all = [...tasks.values()];
      return { tasks: all.slice(from, to), nextPageToken: to < all.length ? String(to) : "" };
    },
    async cancelTask({ taskId }, context) {
      admit(context);
      const task = find(taskId);
      task.state = TaskState.CANCELLED;
      return { task };
    },
    async getCapabilities(_request, context) {
      admit(context);
      return { engines: ["claude-code"], maxPromptBytes: 1024n, version: "1", agentId: "alice", scopes: [] };
    },
  };

  const serve = (port: number): Promise<GrpcServer> =>
    serveGrpc({
      listen: { host: "127.0.0.1", port },
      services: [implementSome(AgentServiceService, handlers)],
      log: pino({ level: "silent" }),
      credentials,
      lameDuckMs: 0,
      drainMs: 1_000,
    });
  let server = await serve(0);
  const { port } = server;

  return {
    target: `127.0.0.1:${port}`,
    headers,
    requests,
    watchers: () => watchers,
    append,
    endStreams(reason) {
      streamsEnd = reason;
      news.dispatchEvent(new Event("append"));
      setImmediate(() => (streamsEnd = undefined));
    },
    refuseNext(next) {
      refusal = next;
    },
    beforeNextAnswer(act) {
      beforeAnswer = act;
    },
    stop: () => server.close(),
    async start() {
      server = await serve(port);
    },
  };
}
