import { randomUUID } from "node:crypto";
import type { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { type QueueClient, type ResumePolicy, runInQueue, watchTask } from "../queue/task-watch.js";
import type { AgentCall, Guard } from "./guard.js";
import { sendable, sendableSchedule } from "./times.js";

const CAPABILITIES_MS = 5_000;

export interface OperationOptions {
  readonly queue: QueueClient;
  readonly guard: Guard;
  readonly resume: ResumePolicy;
  readonly version: string;
}

export type Operations = ReturnType<typeof createOperations>;

/**
 * What the gateway offers, in terms of QueueService. The requests and responses are those of AgentService. It contains
 * no rule about tasks: the queue has all of them.
 */
export function createOperations({ queue, guard, resume, version }: OperationOptions) {
  let capabilities: { engines: string[]; maxPromptBytes: bigint; oldMs: number } | undefined;

  return {
    submitTask: guard.unary("submitTask", async ({ spec, requestId }, call) => {
      const request = { agentId: call.agentId, spec: sendable(spec), requestId: requestIdOf(requestId) };
      const response = await queue.enqueue(request, within(call));
      const task = present(response.task, "Enqueue");
      brought(task, call);
      return { task };
    }),

    runTask: guard.stream("runTask", async function* ({ spec, requestId }, call) {
      const request = { agentId: call.agentId, spec: sendable(spec), requestId: requestIdOf(requestId) };
      for await (const message of runInQueue(queue, request, call.incoming, resume)) {
        if (message.$case === "task") brought(message.value, call);
        yield { message };
      }
    }),

    watchTask: guard.stream("watchTask", async function* (request, call) {
      call.concerns(request.taskId);
      const from = { taskId: request.taskId, agentId: call.agentId, afterSequence: request.afterSequence };
      for await (const event of watchTask(queue, from, call.incoming, resume)) yield { event };
    }),

    getTask: guard.unary("getTask", async ({ taskId }, call) => {
      call.concerns(taskId);
      const { task } = await queue.get({ taskId, agentId: call.agentId }, within(call));
      return { task: present(task, "Get") };
    }),

    listTasks: guard.unary("listTasks", async (request, call) => {
      const { tasks, nextPageToken } = await queue.list(
        { ...request, agentId: call.agentId, promptSnippets: true },
        within(call),
      );
      return { tasks, nextPageToken };
    }),

    cancelTask: guard.unary("cancelTask", async ({ taskId, reason }, call) => {
      call.concerns(taskId);
      const { task } = await queue.cancel({ taskId, agentId: call.agentId, reason }, within(call));
      call.accepted();
      return { task: present(task, "Cancel") };
    }),

    ...moreOfTasks(queue, guard),
    ...scheduleOperations(queue, guard),

    getCapabilities: guard.unary("getCapabilities", async (_request, call) => {
      // The capabilities change only when the queue restarts. To read the whole status at each call would be
      // expensive for Redis.
      if (capabilities === undefined || performance.now() > capabilities.oldMs) {
        const { engines, maxPromptBytes } = await queue.getStatus({}, within(call));
        capabilities = { engines, maxPromptBytes, oldMs: performance.now() + CAPABILITIES_MS };
      }
      const { engines, maxPromptBytes } = capabilities;
      return { engines, maxPromptBytes, version, agentId: call.agentId, scopes: [...call.identity.scopes] };
    }),
  };
}

/**
 * If the agent sends no id, the gateway makes one, so that the call is still safe to repeat between gateway and queue.
 */
const requestIdOf = (fromAgent: string): string => fromAgent || `gateway-${randomUUID()}`;

function brought({ id }: Task, call: AgentCall): void {
  call.concerns(id);
  call.accepted();
}

/** The handlers for a batch of tasks, and for questions about a task other than its state. */
function moreOfTasks(queue: QueueClient, guard: Guard) {
  return {
    submitTasks: guard.unary("submitTasks", async ({ tasks }, call) => {
      const items = tasks.map(({ spec, requestId }) => ({ spec: sendable(spec), requestId: requestIdOf(requestId) }));
      const { outcomes } = await queue.enqueueBatch({ agentId: call.agentId, items }, within(call));
      call.accepted();
      return { outcomes };
    }),

    retryTask: guard.unary("retryTask", async ({ taskId, reason }, call) => {
      call.concerns(taskId);
      const { task } = await queue.retryTask({ taskId, agentId: call.agentId, reason }, within(call));
      call.accepted();
      return { task: present(task, "RetryTask") };
    }),

    explainTask: guard.unary("explainTask", async ({ taskId }, call) => {
      call.concerns(taskId);
      return queue.explainTask({ taskId, agentId: call.agentId }, within(call));
    }),

    estimateTask: guard.unary("estimateTask", ({ spec }, call) =>
      queue.estimateTask({ agentId: call.agentId, spec: sendable(spec) }, within(call)),
    ),
  };
}

function scheduleOperations(queue: QueueClient, guard: Guard) {
  return {
    putSchedule: guard.unary("putSchedule", async (request, call) => {
      const schedule = request.schedule && { ...sendableSchedule(request.schedule), agentId: call.agentId };
      const answer = await queue.putSchedule({ schedule }, within(call));
      call.accepted();
      return { schedule: answer.schedule };
    }),

    listSchedules: guard.unary("listSchedules", (_request, call) =>
      queue.listSchedules({ agentId: call.agentId }, within(call)),
    ),

    deleteSchedule: guard.unary("deleteSchedule", async ({ name }, call) => {
      await queue.deleteSchedule({ agentId: call.agentId, name }, within(call));
      call.accepted();
      return {};
    }),
  };
}

/** Passes the agent's deadline and cancellation on to the queue, but not the agent's headers. */
function within({ incoming: { signal, deadline } }: AgentCall) {
  return { signal, deadline };
}

function present<T>(value: T | undefined, rpc: string): T {
  if (value === undefined) throw new Error(`the queue answered ${rpc} without a task`);
  return value;
}
