import { OperatorServiceService as Rpcs } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import type { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { type AdmittedCall, mayReadPrompts, within } from "../application/call.js";
import type { Guard } from "../application/guard.js";
import { checkFilter, checkTimes } from "../application/times.js";
import type { ReadSpans } from "../traces/read-spans.js";
import { traceOf } from "../traces/task-trace.js";
import { listTasks } from "../upstream/list-tasks.js";
import { type QueueClient, type ResumePolicy, watchTask } from "../upstream/task-watch.js";
import { eventWithoutContent, taskWithoutContent } from "./content.js";

/** A change of many tasks takes many scripts, so it gets more time, unless the caller has its own deadline. */
const BULK_MS = 120_000;

export interface QueueOperationOptions {
  readonly guard: Guard;
  readonly queue: QueueClient;
  readonly resume: ResumePolicy;
  /** Undefined: the gateway knows no tracing system. */
  readonly readSpans: ReadSpans | undefined;
}

/** The tasks of every agent. To the queue, an empty agent id means an operator. */
const EVERY_AGENT = { agentId: "" };

/** What operators do with tasks and with the queue. Every change carries the proven name of its caller. */
export function queueOperations(options: QueueOperationOptions) {
  return { ...reads(options), ...changesOfTasks(options), ...changesOfQueue(options) };
}

function reads({ guard, queue, resume, readSpans }: QueueOperationOptions) {
  return {
    getStatus: guard.unary(Rpcs.getStatus, (request, call) => queue.getStatus(request, within(call))),

    getQueueHistory: guard.unary(Rpcs.getQueueHistory, (request, call) => queue.getQueueHistory(request, within(call))),

    getLimits: guard.unary(Rpcs.getLimits, (request, call) => queue.getLimits(request, within(call))),

    watchQueue: guard.stream(Rpcs.watchQueue, (request, call) => queue.watchQueue(request, within(call))),

    listTasks: guard.unary(Rpcs.listTasks, async (request, call) => {
      const promptSnippets = showsSnippets(request, call);
      checkFilter(request.filter);
      const { tasks, nextPageToken } = await listTasks(queue, { ...request, promptSnippets }, within(call));
      return { tasks: promptSnippets ? tasks : tasks.map(taskWithoutContent), nextPageToken };
    }),

    listWaiting: guard.unary(Rpcs.listWaiting, async (request, call) => {
      const promptSnippets = showsSnippets(request, call);
      const { tasks, nextPageToken } = await queue.listWaiting({ ...request, promptSnippets }, within(call));
      if (promptSnippets) return { tasks, nextPageToken };
      return {
        tasks: tasks.map(({ task, position }) => ({ task: task && taskWithoutContent(task), position })),
        nextPageToken,
      };
    }),

    getTask: guard.unary(Rpcs.getTask, async (request, call) => {
      call.concerns(request.taskId);
      return shown(await queue.get({ ...request, ...EVERY_AGENT }, within(call)), call);
    }),

    getTaskTrace: guard.unary(Rpcs.getTaskTrace, async ({ taskId }, call) => {
      call.concerns(taskId);
      const { task } = await queue.get({ taskId, ...EVERY_AGENT }, within(call));
      return traceOf(task, readSpans);
    }),

    watchTask: guard.stream(Rpcs.watchTask, async function* (request, call) {
      call.concerns(request.taskId);
      const whole = mayReadPrompts(call.identity);
      if (whole) call.showsContent();
      const from = { ...request, ...EVERY_AGENT, reader: call.subject };
      for await (const event of watchTask(queue, from, call.incoming, resume))
        yield { event: whole ? event : eventWithoutContent(event) };
    }),

    explainTask: guard.unary(Rpcs.explainTask, (request, call) => {
      call.concerns(request.taskId);
      return queue.explainTask({ ...request, ...EVERY_AGENT }, within(call));
    }),
  };
}

function changesOfTasks({ guard, queue }: QueueOperationOptions) {
  return {
    cancelTask: guard.unary(Rpcs.cancelTask, async (request, call) => {
      call.concerns(request.taskId);
      return shown(await queue.cancel({ ...request, ...EVERY_AGENT }, within(call)), call);
    }),

    cancelTasks: guard.unary(Rpcs.cancelTasks, async (request, call) => {
      checkFilter(request.filter);
      return queue.cancelTasks(request, within(call, BULK_MS));
    }),

    retryTask: guard.unary(Rpcs.retryTask, async (request, call) => {
      call.concerns(request.taskId);
      return shown(await queue.retryTask({ ...request, ...EVERY_AGENT }, within(call)), call);
    }),

    retryTasks: guard.unary(Rpcs.retryTasks, async (request, call) => {
      checkFilter(request.filter);
      return queue.retryTasks(request, within(call, BULK_MS));
    }),

    setPriority: guard.unary(Rpcs.setPriority, async (request, call) => {
      call.concerns(request.taskId);
      return shown(await queue.setPriority({ ...request, ...EVERY_AGENT }, within(call)), call);
    }),
  };
}

function changesOfQueue({ guard, queue }: QueueOperationOptions) {
  return {
    pauseQueue: guard.unary(Rpcs.pauseQueue, async (request, call) => {
      checkTimes({ until: request.until });
      return queue.pauseQueue({ ...request, who: call.subject }, within(call));
    }),

    resumeQueue: guard.unary(Rpcs.resumeQueue, (request, call) =>
      queue.resumeQueue({ ...request, who: call.subject }, within(call)),
    ),

    setLimits: guard.unary(Rpcs.setLimits, async (request, call) => {
      checkTimes(Object.fromEntries(request.changes.map(({ endTime }, i) => [`changes[${i}].end_time`, endTime])));
      return queue.setLimits({ ...request, who: call.subject, automatic: false }, within(call));
    }),

    clearQueue: guard.unary(Rpcs.clearQueue, (request, call) =>
      queue.clearQueue({ ...request, who: call.subject }, within(call, BULK_MS)),
    ),

    emergencyStop: guard.unary(Rpcs.emergencyStop, (request, call) =>
      queue.emergencyStop({ ...request, who: call.subject }, within(call)),
    ),
  };
}

/** Whether a list has the beginnings of prompts. The call then leaves an audit line. */
function showsSnippets({ promptSnippets }: { readonly promptSnippets: boolean }, call: AdmittedCall): boolean {
  const shows = promptSnippets && mayReadPrompts(call.identity);
  if (shows) call.showsContent();
  return shows;
}

/** The answer about one task, with its content for those who may read it. */
function shown({ task }: { readonly task: Task | undefined }, call: AdmittedCall): { task: Task | undefined } {
  if (!mayReadPrompts(call.identity)) return { task: task && taskWithoutContent(task) };
  call.showsContent();
  return { task };
}
