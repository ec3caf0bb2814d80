import { invalidFields } from "@ccsp/errors";
import { SubmitTaskRequest } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { PauseQueueRequest, ResumeQueueRequest } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import type { GetLimitsResponse } from "@ccsp/protos/ccsp/queue/v1/limit.js";
import type { Depth, GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { CancelRequest, ClearQueueRequest } from "@ccsp/protos/ccsp/queue/v1/task_changes.js";
import { ListRequest } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { type Priority, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { fromJson, JsonFault } from "@ccsp/protos/from-json.js";
import { CLASSES, classIn, textIn, timeIn, wrong } from "./read.js";
import type { V1Request, V1Route } from "./route.js";
import { startDelayMs } from "./throttle.js";

const MAX_WHY = 256;
const ALL = { scope: { $case: "all", value: true } } as const;
const WAITING = [TaskState.QUEUED, TaskState.PARKED];

const whyOf = ({ body }: V1Request, usual: string): string => textIn(body, "reason", MAX_WHY) || usual;

export const QUEUE_ROUTES: readonly V1Route[] = [
  {
    method: "GET",
    path: "/queue/status",
    instead: "GET /api/v2/queue/status",
    rpcs: ["OperatorService/GetStatus", "OperatorService/GetLimits", "OperatorService/ListTasks"],
    async handle(request) {
      const { operators, call } = request;
      const [status, limits] = await Promise.all([operators.getStatus({}, call), operators.getLimits({}, call)]);
      const classes = await Promise.all(
        [...CLASSES].map(async ([name, priority]) => [name, await classOf(request, status, priority)] as const),
      );
      return { data: { ...overall(status, limits), queues: Object.fromEntries(classes) } };
    },
  },
  {
    method: "POST",
    path: "/queue/pause",
    instead: "POST /api/v2/queue/pause",
    rpcs: ["OperatorService/PauseQueue"],
    async handle(request) {
      const pause = PauseQueueRequest.fromPartial({ scope: ALL, why: whyOf(request, "paused by /api/v1") });
      await request.operators.pauseQueue(pause, request.call);
      return { message: "Queue paused" };
    },
  },
  {
    method: "POST",
    path: "/queue/resume",
    instead: "POST /api/v2/queue/resume",
    rpcs: ["OperatorService/ResumeQueue"],
    async handle(request) {
      const resume = ResumeQueueRequest.fromPartial({ scope: ALL, why: whyOf(request, "resumed by /api/v1") });
      const { resumed } = await request.operators.resumeQueue(resume, request.call);
      return { message: resumed ? "Queue resumed" : "Queue was not paused" };
    },
  },
  {
    method: "DELETE",
    path: "/queue/clear",
    instead: "POST /api/v2/queue/clear",
    rpcs: ["OperatorService/ClearQueue"],
    async handle(request) {
      const one = classIn(request.query, "priority");
      let cleared = 0;
      for (const priority of one === undefined ? CLASSES.values() : [one]) cleared += await clear(request, priority);
      return { data: { cleared, priority: one === undefined ? "all" : wordOf(one) } };
    },
  },
  {
    method: "DELETE",
    path: "/queue/task/:id",
    instead: "POST /api/v2/tasks/{taskId}/cancel",
    rpcs: ["OperatorService/CancelTask"],
    async handle({ params, operators, call }) {
      const taskId = textIn(params, "id", 64);
      await operators.cancelTask(CancelRequest.fromPartial({ taskId, reason: "removed by /api/v1" }), call);
      return { message: `Task ${taskId} removed` };
    },
  },
  {
    method: "POST",
    path: "/queue/task",
    instead: "POST /api/v2/tasks",
    rpcs: ["AgentService/SubmitTask"],
    async handle({ body, agents, call }) {
      const { id, ...spec } = taskIn(body);
      const priority = classIn(body, "priority") ?? classIn(spec, "priority");
      const startTime = timeIn(body, "executeAt");
      const request = SubmitTaskRequest.fromPartial({
        spec: { ...specOf(spec), ...(priority && { priority }), ...(startTime && { startTime }) },
        requestId: id,
      });
      const { task } = await agents.submitTask(request, call);
      const data = { taskId: task?.id ?? "", priority: wordOf(task?.spec?.priority) };
      return { status: 201, data };
    },
  },
];

/** The predecessor cleared at once. Here the token of the dry run confirms it: so it is the same number, or a refusal. */
async function clear({ operators, call }: V1Request, priority: Priority): Promise<number> {
  const dryRun = await operators.clearQueue(ClearQueueRequest.fromPartial({ priority }), call);
  if (dryRun.tasks === 0n) return 0;
  const { confirmationToken } = dryRun;
  const { tasks } = await operators.clearQueue(ClearQueueRequest.fromPartial({ priority, confirmationToken }), call);
  return Number(tasks);
}

/** Size, and the times at which the tasks came that wait the longest and the shortest. */
async function classOf({ operators, call }: V1Request, { depths }: GetStatusResponse, priority: Priority) {
  const own = depths.filter((depth) => depth.priority === priority);
  const size = sumOf(own, "waiting") + sumOf(own, "parked");
  if (size === 0) return { size, oldest: null, newest: null };
  const filter = { priorities: [priority] };
  const newest = await operators.listTasks(ListRequest.fromPartial({ states: WAITING, filter, pageSize: 1 }), call);
  const ages = own.flatMap(({ oldestAge }) => (oldestAge === undefined ? [] : [durationMs(oldestAge)]));
  return {
    size,
    oldest: ages.length === 0 ? null : new Date(Date.now() - Math.max(...ages)).toISOString(),
    newest: newest.tasks[0]?.createTime?.toISOString() ?? null,
  };
}

function overall(status: GetStatusResponse, limits: GetLimitsResponse) {
  const { depths, gates, emergency, executors, leased, parked, scheduled, ended } = status;
  const gate = gates.find(({ scope, rampEndTime }) => scope?.scope?.$case === "all" && rampEndTime === undefined);
  const closed = emergency ? { closeTime: emergency.time, who: emergency.who } : gate;
  const slots = executors.flatMap(({ engines }) => engines.map((engine) => engine.slots));
  return {
    state: {
      paused: closed !== undefined,
      pausedAt: closed?.closeTime?.toISOString() ?? null,
      pausedBy: closed?.who ?? null,
      throttleDelay: startDelayMs(limits),
      maxConcurrent: slots.reduce((sum, each) => sum + each, 0),
    },
    stats: {
      running: Number(leased),
      parked: Number(parked),
      scheduled: Number(scheduled),
      ended: Number(ended),
    },
    totalSize: sumOf(depths, "waiting") + sumOf(depths, "parked"),
  };
}

const sumOf = (depths: readonly Depth[], field: "waiting" | "parked"): number =>
  depths.reduce((sum, depth) => sum + Number(depth[field]), 0);

const wordOf = (priority: Priority | undefined): string =>
  [...CLASSES].find(([, each]) => each === priority)?.[0] ?? "normal";

/** The fields of `task`. Its `id` makes the request safe to repeat. */
function taskIn({ task }: Readonly<Record<string, unknown>>): {
  readonly id: string;
  readonly [field: string]: unknown;
} {
  if (typeof task !== "object" || task === null || Array.isArray(task)) throw wrong("task", "is not an object");
  const fields: Record<string, unknown> = { ...task };
  return { ...fields, id: textIn(fields, "id", 128) };
}

// The class has words of its own here, and is read elsewhere.
function specOf(fields: Readonly<Record<string, unknown>>): object {
  try {
    return fromJson("ccsp.task.v1.TaskSpec", { ...fields, priority: null });
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    throw invalidFields(error.fields.map(({ field, description }) => ({ field: `task.${field}`, description })));
  }
}
