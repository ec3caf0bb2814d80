import { randomUUID } from "node:crypto";
import type { Client } from "@ccsp/grpc-kit";
import { AgentServiceService as Rpcs } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import type { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { Dimension, UsageFilter } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { within } from "../application/call.js";
import type { Guard } from "../application/guard.js";
import { checkFilter, checkTimes, sendable, sendableSchedule } from "../application/times.js";
import type { ReadSpans } from "../traces/read-spans.js";
import { traceOf } from "../traces/task-trace.js";
import { listTasks } from "../upstream/list-tasks.js";
import { withRequestId } from "../upstream/refusals.js";
import { type QueueClient, type ResumePolicy, runInQueue, watchTask } from "../upstream/task-watch.js";

const CAPABILITIES_MS = 5_000;
/** A monitor that is away must not make agents wait. */
const USAGE_MS = 3_000;

export interface AgentOperationOptions {
  readonly queue: QueueClient;
  readonly monitor: Pick<Client<MonitorServiceService>, "getUsage" | "getForecast" | "listBudgets">;
  readonly guard: Guard;
  readonly resume: ResumePolicy;
  readonly version: string;
  /** Undefined: the gateway knows no tracing system. */
  readonly readSpans: ReadSpans | undefined;
}

/**
 * What the gateway offers to agents, in terms of QueueService. The requests and responses are those of AgentService. It
 * contains no rule about tasks: the queue has all of them.
 */
export function createAgentOperations({ queue, monitor, guard, resume, version, readSpans }: AgentOperationOptions) {
  let capabilities: { engines: string[]; maxPromptBytes: bigint; oldMs: number } | undefined;

  return {
    submitTask: guard.unary(Rpcs.submitTask, async ({ spec, requestId }, call) => {
      const request = { agentId: call.subject, spec: sendable(spec), requestId: requestIdOf(requestId) };
      const response = await queue.enqueue(request, within(call)).catch((error: unknown) => {
        throw withRequestId(error, request.requestId);
      });
      const task = present(response.task, "Enqueue");
      call.concerns(task.id);
      return { task };
    }),

    runTask: guard.stream(Rpcs.runTask, async function* ({ spec, requestId }, call) {
      const request = { agentId: call.subject, spec: sendable(spec), requestId: requestIdOf(requestId) };
      try {
        for await (const message of runInQueue(queue, request, call.incoming, resume)) {
          if (message.$case === "task") call.concerns(message.value.id);
          yield { message };
        }
      } catch (error) {
        throw withRequestId(error, request.requestId);
      }
    }),

    watchTask: guard.stream(Rpcs.watchTask, async function* (request, call) {
      call.concerns(request.taskId);
      const from = { ...request, agentId: call.subject };
      for await (const event of watchTask(queue, from, call.incoming, resume)) yield { event };
    }),

    getTask: guard.unary(Rpcs.getTask, async ({ taskId }, call) => {
      call.concerns(taskId);
      const { task } = await queue.get({ taskId, agentId: call.subject }, within(call));
      return { task: present(task, "Get") };
    }),

    getTaskTrace: guard.unary(Rpcs.getTaskTrace, async ({ taskId }, call) => {
      call.concerns(taskId);
      const { task } = await queue.get({ taskId, agentId: call.subject }, within(call));
      return traceOf(task, readSpans);
    }),

    listTasks: guard.unary(Rpcs.listTasks, async (request, call) => {
      checkFilter(request.filter);
      return listTasks(queue, { ...request, agentId: call.subject, promptSnippets: true }, within(call));
    }),

    cancelTask: guard.unary(Rpcs.cancelTask, async ({ taskId, reason }, call) => {
      call.concerns(taskId);
      const { task } = await queue.cancel({ taskId, agentId: call.subject, reason }, within(call));
      return { task: present(task, "Cancel") };
    }),

    ...moreOfTasks(queue, guard),
    ...scheduleOperations(queue, guard),

    getMyUsage: guard.unary(Rpcs.getMyUsage, async ({ startTime, endTime, groupBy }, call) => {
      checkTimes({ start_time: startTime, end_time: endTime });
      const range = { agentId: call.subject, startTime, endTime };
      const grouping = groupBy.length === 0 ? [Dimension.MODEL] : groupBy;
      return monitor.getUsage(
        { ...range, groupBy: grouping, timeZone: "UTC" },
        { ...within(call), timeoutMs: USAGE_MS },
      );
    }),

    getMyForecast: guard.unary(Rpcs.getMyForecast, async ({ metric, horizon }, call) => {
      const filter = UsageFilter.fromPartial({ agentId: call.subject });
      return monitor.getForecast({ metric, filter, horizon }, { ...within(call), timeoutMs: USAGE_MS });
    }),

    getMyBudgets: guard.unary(Rpcs.getMyBudgets, (_request, call) =>
      monitor.listBudgets({ agentId: call.subject }, { ...within(call), timeoutMs: USAGE_MS }),
    ),

    getCapabilities: guard.unary(Rpcs.getCapabilities, async (_request, call) => {
      // The capabilities change only when the queue restarts. To read the whole status at each call would be
      // expensive for Redis.
      if (capabilities === undefined || performance.now() > capabilities.oldMs) {
        const { engines, maxPromptBytes } = await queue.getStatus({}, within(call));
        capabilities = { engines, maxPromptBytes, oldMs: performance.now() + CAPABILITIES_MS };
      }
      const { engines, maxPromptBytes } = capabilities;
      return { engines, maxPromptBytes, version, agentId: call.subject, scopes: [...call.identity.scopes] };
    }),
  };
}

/**
 * If the agent sends no id, the gateway makes one, so that the call is still safe to repeat between gateway and queue.
 */
const requestIdOf = (fromAgent: string): string => fromAgent || `gateway-${randomUUID()}`;

/** The handlers for a batch of tasks, and for questions about a task other than its state. */
function moreOfTasks(queue: QueueClient, guard: Guard) {
  return {
    submitTasks: guard.unary(Rpcs.submitTasks, async ({ tasks }, call) => {
      const items = tasks.map(({ spec, requestId }) => ({ spec: sendable(spec), requestId: requestIdOf(requestId) }));
      const { outcomes } = await queue.enqueueBatch({ agentId: call.subject, items }, within(call));
      return { outcomes };
    }),

    retryTask: guard.unary(Rpcs.retryTask, async ({ taskId, reason }, call) => {
      call.concerns(taskId);
      const { task } = await queue.retryTask({ taskId, agentId: call.subject, reason }, within(call));
      return { task: present(task, "RetryTask") };
    }),

    explainTask: guard.unary(Rpcs.explainTask, async ({ taskId }, call) => {
      call.concerns(taskId);
      return queue.explainTask({ taskId, agentId: call.subject }, within(call));
    }),

    estimateTask: guard.unary(Rpcs.estimateTask, ({ spec }, call) =>
      queue.estimateTask({ agentId: call.subject, spec: sendable(spec) }, within(call)),
    ),
  };
}

function scheduleOperations(queue: QueueClient, guard: Guard) {
  return {
    putSchedule: guard.unary(Rpcs.putSchedule, async (request, call) => {
      const schedule = request.schedule && { ...sendableSchedule(request.schedule), agentId: call.subject };
      const answer = await queue.putSchedule({ schedule }, within(call));
      return { schedule: answer.schedule };
    }),

    listSchedules: guard.unary(Rpcs.listSchedules, (_request, call) =>
      queue.listSchedules({ agentId: call.subject }, within(call)),
    ),

    deleteSchedule: guard.unary(Rpcs.deleteSchedule, async ({ name }, call) => {
      await queue.deleteSchedule({ agentId: call.subject, name }, within(call));
      return {};
    }),
  };
}

function present<T>(value: T | undefined, rpc: string): T {
  if (value === undefined) throw new Error(`the queue answered ${rpc} without a task`);
  return value;
}
