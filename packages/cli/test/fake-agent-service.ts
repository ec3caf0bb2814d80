import { once } from "node:events";
import { REASONS, Refusal } from "@ccsp/errors";
import { type CallContext, implementSome, type ServeOptions, serveGrpc } from "@ccsp/grpc-kit";
import {
  AgentServiceService,
  EstimateTaskResponse,
  ExplainTaskResponse,
  GetTaskTraceResponse,
  type ListTasksRequest,
  type SubmitTaskRequest,
} from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { BlockerKind } from "@ccsp/protos/ccsp/task/v1/explanation.js";
import { Schedule } from "@ccsp/protos/ccsp/task/v1/schedule.js";
import {
  ErrorCategory,
  StateChanged,
  Task,
  TaskEnded,
  TaskEvent,
  type TaskSpec,
  TaskState,
} from "@ccsp/protos/ccsp/task/v1/task.js";
import pino from "pino";
import { fakeOperatorService } from "./fake-operator-service.js";

const BLOCKED = {
  aheadInClass: 3n,
  aheadOfAgent: 1n,
  earliestStartTime: new Date("2030-01-01T00:00:00Z"),
  blockers: [
    {
      kind: BlockerKind.GATE,
      message: "everything is paused, by ada: release",
      until: new Date("2030-01-01T00:00:00Z"),
    },
    { kind: BlockerKind.NO_SLOT, message: "all 2 slots for fake are taken" },
  ],
  estimate: { p50: { seconds: 1n, nanos: 0 }, p90: { seconds: 2n, nanos: 0 }, p95: { seconds: 3n, nanos: 0 } },
};
const TOMORROW = new Date("2030-01-02T03:00:00Z");
const TRACE_ID = "0123456789abcdef0123456789abcdef";

/**
 * A fake gateway, which serves operators too. The prompt of a task says what happens to it: `fail`, `retried` (failed,
 * was put back and succeeded), `hang` (until it is cancelled), `paused` (the second piece comes after `resume`, and then
 * it hangs), `refuse:REASON`, `lost …` (stored, and `onLost` is called before the answer; its repeat is refused),
 * `cached` (answered without earlier events), `told twice` (one message around a tool, and one that is taken back). Any
 * other task answers with its prompt in two pieces. The only token that the gateway refuses is `expired`.
 */
export async function startFakeAgentService({
  credentials,
  onLost = () => {},
}: Pick<ServeOptions, "credentials"> & { readonly onLost?: () => void } = {}) {
  const tasks = new Map<string, Task>();
  const submitted: SubmitTaskRequest[] = [];
  const listed: ListTasksRequest[] = [];
  const estimated: (TaskSpec | undefined)[] = [];
  const schedules = new Map<string, Schedule>();
  const news = new EventTarget();
  let resumed = false;

  const tokens: string[] = [];

  const admit = ({ headers }: CallContext) => {
    tokens.push(String(headers["authorization"]).replace("Bearer ", ""));
    if (headers["authorization"] === "Bearer expired") throw new Refusal("TOKEN_EXPIRED", "the token expired");
  };
  const find = (id: string): Task => {
    const task = tasks.get(id);
    if (!task) throw new Refusal("TASK_NOT_FOUND", "no such task");
    return task;
  };
  const submit = (request: SubmitTaskRequest): Task => {
    submitted.push(request);
    const prompt = request.spec?.prompt ?? "";
    const refusal = REASONS.find((reason) => prompt === `refuse:${reason}`);
    if (refusal) throw new Refusal(refusal, "not now");
    const repeated = submitted.some((other) => other !== request && other.requestId === request.requestId);
    if (prompt.startsWith("lost") && repeated) throw new Refusal("OVERLOADED", "too much", { retryAfterMs: 90_000 });
    const id = `task-${submitted.length}`;
    const task = Task.fromPartial({ id, state: TaskState.QUEUED, agentId: "alice", traceId: TRACE_ID });
    if (request.spec) task.spec = { ...request.spec, engine: request.spec.engine || "fake" };
    tasks.set(id, task);
    if (prompt.startsWith("lost")) onLost();
    return task;
  };
  async function* log(task: Task, after: number, { signal }: CallContext): AsyncGenerator<TaskEvent, void> {
    const prompt = task.spec?.prompt ?? "";
    const event = (sequence: number, value: TaskEvent["event"]) =>
      TaskEvent.fromPartial({ sequence, attempt: 1, ...(value && { event: value }) });
    const end = (value: Parameters<typeof TaskEnded.fromPartial>[0], sequence = 3) => {
      const ended = TaskEnded.fromPartial(value);
      Object.assign(task, ended);
      return event(sequence, { $case: "taskEnded", value: ended });
    };
    const failed = { state: TaskState.FAILED, error: { category: ErrorCategory.OVERLOADED, message: "529" } };
    if (after >= 3) return;
    const said = (sequence: number, text: string, message: number) =>
      event(sequence, { $case: "textDelta", value: { text, message } });
    if (prompt === "cached") {
      yield said(1, "PONG", 1);
      yield end({ state: TaskState.SUCCEEDED, result: { text: "PONG", cached: true } });
      return;
    }
    if (prompt === "silent") {
      yield end({ state: TaskState.SUCCEEDED, result: { text: "PONG" } });
      return;
    }
    if (prompt === "told twice") {
      yield said(1, "Let me look.", 1);
      yield event(2, { $case: "toolUse", value: { name: "Bash" } });
      yield said(3, "half a ", 2);
      yield event(4, { $case: "textTakenBack", value: { message: 2 } });
      yield said(5, "half a PONG", 3);
      yield end({ state: TaskState.SUCCEEDED, result: { text: "half a PONG" } }, 6);
      return;
    }
    const half = Math.ceil(prompt.length / 2);
    if (after < 1) yield event(1, { $case: "textDelta", value: { text: prompt.slice(0, half), message: 1 } });
    if (prompt === "paused") {
      if (!resumed) await once(news, "resume", { signal });
      yield event(2, { $case: "textDelta", value: { text: prompt.slice(half), message: 1 } });
    }
    if (prompt === "hang" || prompt === "paused") {
      while (task.state !== TaskState.CANCELLED) await once(news, "cancel", { signal });
      yield end({ state: TaskState.CANCELLED, error: { category: ErrorCategory.CANCELLED, message: "interrupted" } });
      return;
    }
    if (after < 2) yield event(2, { $case: "textDelta", value: { text: prompt.slice(half), message: 1 } });
    if (prompt === "fail") {
      yield end(failed);
      return;
    }
    if (prompt === "retried") {
      yield end(failed);
      const putBack = StateChanged.fromPartial({ state: TaskState.QUEUED, reason: "put back" });
      yield event(4, { $case: "stateChanged", value: putBack });
    }
    const usage = { inputTokens: 5n, outputTokens: 7n };
    const queueWait = { seconds: 1n, nanos: 500_000_000 };
    const result = { text: prompt, usage, costUsd: 0.25, queueWait, engine: "fake" };
    yield end({ state: TaskState.SUCCEEDED, result }, prompt === "retried" ? 5 : 3);
  }

  const server = await serveGrpc({
    listen: { host: "127.0.0.1", port: 0 },
    log: pino({ level: "silent" }),
    ...(credentials && { credentials }),
    lameDuckMs: 0,
    drainMs: 1_000,
    services: [
      fakeOperatorService(onLost),
      implementSome(AgentServiceService, {
        async submitTask(request, context) {
          admit(context);
          return { task: submit(request) };
        },
        async *runTask(request, context) {
          admit(context);
          const task = submit(request);
          yield { message: { $case: "task", value: task } };
          for await (const event of log(task, 0, context)) yield { message: { $case: "event", value: event } };
        },
        async *watchTask({ taskId, afterSequence }, context) {
          admit(context);
          for await (const event of log(find(taskId), afterSequence, context)) yield { event };
        },
        async getTask({ taskId }, context) {
          admit(context);
          return { task: find(taskId) };
        },
        async listTasks(request, context) {
          const { states } = request;
          admit(context);
          listed.push(request);
          const wanted = [...tasks.values()].filter(({ state }) => states.length === 0 || states.includes(state));
          return { tasks: wanted, nextPageToken: "" };
        },
        async cancelTask({ taskId }, context) {
          admit(context);
          const task = find(taskId);
          task.state = TaskState.CANCELLED;
          news.dispatchEvent(new Event("cancel"));
          return { task };
        },
        async retryTask({ taskId }, context) {
          admit(context);
          const task = find(taskId);
          if (task.state !== TaskState.FAILED) throw new Refusal("TASK_NOT_FAILED", "it did not fail");
          return { task: Object.assign(task, { state: TaskState.QUEUED }) };
        },
        async getTaskTrace({ taskId }, context) {
          admit(context);
          const { traceId, spec } = find(taskId);
          const span = (name: string, depth: number, [from, to]: readonly [number, number]) => {
            const times = { startTime: new Date(1e12 + from), endTime: new Date(1e12 + to) };
            return { name, service: "ccsp-queue", depth, ...times, failed: name === "task.attempt" };
          };
          const spans = [span("queue.wait", 0, [0, 500]), span("task.attempt", 1, [500, 900])];
          const readable = spec?.prompt.startsWith("traced") ?? false;
          return GetTaskTraceResponse.fromPartial({
            traceId,
            readable,
            spans: spec?.prompt === "traced" ? spans : [],
          });
        },
        async explainTask({ taskId }, context) {
          admit(context);
          const { state } = find(taskId);
          return ExplainTaskResponse.fromPartial({ state, ...(state === TaskState.QUEUED && BLOCKED) });
        },
        async estimateTask({ spec }, context) {
          admit(context);
          estimated.push(spec);
          const { estimate: start, blockers } = BLOCKED;
          return EstimateTaskResponse.fromPartial({ start, blockers });
        },
        async putSchedule({ schedule }, context) {
          admit(context);
          const stored = Schedule.fromPartial({ ...schedule, agentId: "alice", nextRunTimes: [TOMORROW] });
          schedules.set(stored.name, stored);
          return { schedule: stored };
        },
        async listSchedules(_request, context) {
          admit(context);
          return { schedules: [...schedules.values()] };
        },
        async deleteSchedule({ name }, context) {
          admit(context);
          if (!schedules.delete(name)) throw new Refusal("SCHEDULE_NOT_FOUND", "no schedule of this name");
          return {};
        },
        async getCapabilities(_request, context) {
          admit(context);
          const scopes = ["tasks:read", "monitor:read"];
          return { engines: ["fake"], maxPromptBytes: 1024n, version: "1.2.3", agentId: "alice", scopes };
        },
      }),
    ],
  });
  return {
    target: `127.0.0.1:${server.port}`,
    tokens,
    submitted,
    listed,
    estimated,
    schedules,
    stateOf: (id: string) => find(id).state,
    resume() {
      resumed = true;
      news.dispatchEvent(new Event("resume"));
    },
    close: () => server.close(),
  };
}
