import type { AddressInfo } from "node:net";
import { type CategoryName, type Reason, Refusal } from "@ccsp/errors";
import { encodeRefusal } from "@ccsp/grpc-kit/client.js";
import {
  type AgentServiceServer,
  AgentServiceService,
  EstimateTaskResponse,
  ExplainTaskResponse,
  GetMyUsageResponse,
  GetTaskTraceResponse,
} from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import type { Schedule as ScheduleMessage } from "@ccsp/protos/ccsp/task/v1/schedule.js";
import {
  ErrorCategory,
  TaskSpec as SpecMessage,
  TaskEnded,
  TaskEvent,
  Task as TaskMessage,
  TaskState,
} from "@ccsp/protos/ccsp/task/v1/task.js";
import { Forecast, ForecastMetric, ForecastState } from "@ccsp/protos/ccsp/usage/v1/forecast.js";
import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type StatusObject,
} from "@grpc/grpc-js";
import { type Schedule, toSchedule } from "./schedules.js";
import { type Task, toTask } from "./task.js";
import { fromTaskResult, type ResultPart } from "./task-result.js";
import { type TaskSpec, toTaskSpec } from "./task-spec.js";

/** A task that ends FAILED. */
export interface Failure {
  readonly category: CategoryName;
  readonly message?: string;
}

/** How a task ends: with this text, these fields of a result, or this failure. What is left out is empty. */
export type FakeEnd = string | ResultPart | Failure;

/** With undefined, the task runs until `FakeGateway.end`. */
export type FakeAnswer = FakeEnd | undefined;

export interface FakeGatewayOptions {
  /** Says how a task ends. It is called once for each task and each retry. Default: `You said: ` and the prompt. */
  readonly answer?: ((spec: TaskSpec) => FakeAnswer | Promise<FakeAnswer>) | undefined;
}

/**
 * A gateway in memory, for the tests of agents. It listens on loopback, so the agent's own client calls it, over gRPC.
 * It stores, follows, cancels and retries tasks, and keeps schedules, as a gateway does. It knows no limits, budgets,
 * waits or engines: tests of these refuse calls, or end tasks with a `Failure`.
 */
export interface FakeGateway {
  /** The address, for `createCcspClient({ target, token: "any" })`. Every token is good. */
  readonly target: string;
  /** The stored tasks, in the order of their submissions. */
  readonly tasks: readonly Task[];
  /** The stored schedules, by name. */
  readonly schedules: readonly Schedule[];
  /** Refuses the next calls for this reason. A client makes more tries than calls. */
  refuse(reason: Reason, settings?: RefuseSettings): void;
  /** Ends a task that runs, because its answer was undefined. */
  end(taskId: string, end: FakeEnd): void;
  /** Breaks every open stream, as a restart of a gateway does. The client continues them. */
  dropStreams(): void;
  close(): void;
}

export interface RefuseSettings {
  readonly message?: string;
  /** How many calls. Default: 1. */
  readonly times?: number;
  readonly retryAfterMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

interface Stored {
  readonly task: TaskMessage;
  readonly log: TaskEvent[];
}

/** One open stream of a task's log. */
interface Stream {
  push(): void;
  drop(refusal: Refusal): void;
}

const ENDED = [TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED, TaskState.EXPIRED];

export async function startFakeGateway(options: FakeGatewayOptions = {}): Promise<FakeGateway> {
  const answer = options.answer ?? (({ prompt }) => `You said: ${prompt}`);
  const tasks = new Map<string, Stored>();
  const byRequest = new Map<string, Stored>();
  const schedules = new Map<string, ScheduleMessage>();
  const refusals: Refusal[] = [];
  const streams = new Set<Stream>();

  const find = (taskId: string): Stored => {
    const stored = tasks.get(taskId);
    if (!stored) throw new Refusal("TASK_NOT_FOUND", `no task ${taskId}`);
    return stored;
  };
  const append = ({ task, log }: Stored, event: NonNullable<TaskEvent["event"]>) => {
    log.push(TaskEvent.fromPartial({ sequence: log.length + 1, attempt: task.attempt, event }));
    for (const stream of streams) stream.push();
  };
  const change = (stored: Stored, state: TaskState, reason = "") => {
    stored.task.state = state;
    append(stored, { $case: "stateChanged", value: { state, reason, readyTime: undefined, error: undefined } });
  };
  const finish = (stored: Stored, ended: TaskEnded) => {
    Object.assign(stored.task, { state: ended.state, result: ended.result, error: ended.error, endTime: new Date() });
    append(stored, { $case: "taskEnded", value: ended });
  };
  const end = (stored: Stored, how: FakeEnd) => {
    if (typeof how !== "string" && "category" in how) {
      const error = { category: ErrorCategory[how.category], message: how.message ?? "" };
      finish(stored, TaskEnded.fromPartial({ state: TaskState.FAILED, error }));
      return;
    }
    const result = fromTaskResult(typeof how === "string" ? { text: how, turns: 1 } : how);
    const { conversation } = stored.task.spec ?? {};
    if (conversation) result.conversationId ||= conversation.id || `conversation-${stored.task.id}`;
    if (result.text) append(stored, { $case: "textDelta", value: { text: result.text, message: 1 } });
    finish(stored, TaskEnded.fromPartial({ state: TaskState.SUCCEEDED, result }));
  };
  const run = (stored: Stored): void => {
    stored.task.attempt += 1;
    change(stored, TaskState.RUNNING);
    const settle = (how: FakeAnswer) => {
      if (how !== undefined && !ENDED.includes(stored.task.state)) end(stored, how);
    };
    const failed = (error: unknown) =>
      settle({ category: "UNKNOWN_ERROR", message: `the function that answers tasks failed: ${String(error)}` });
    try {
      const how = answer(toTaskSpec(SpecMessage.fromPartial(stored.task.spec ?? {})));
      if (how instanceof Promise) void how.then(settle).catch(failed);
      else settle(how);
    } catch (error) {
      failed(error);
    }
  };
  /** Stores a task. The caller runs it if it is new. */
  const store = (
    spec: SpecMessage | undefined,
    requestId: string,
  ): { readonly stored: Stored; readonly isNew: boolean } => {
    const known = byRequest.get(requestId);
    const own = SpecMessage.fromPartial(spec ?? {});
    if (known) {
      const same = Buffer.from(SpecMessage.encode(own).finish()).equals(
        SpecMessage.encode(known.task.spec ?? SpecMessage.create()).finish(),
      );
      if (!same) throw new Refusal("REQUEST_ID_CONFLICT", "another payload", { metadata: { task_id: known.task.id } });
      return { stored: known, isNew: false };
    }
    const id = `0-${String(tasks.size + 1).padStart(26, "0")}`;
    const task = TaskMessage.fromPartial({ id, spec: own, state: TaskState.QUEUED, createTime: new Date() });
    const stored: Stored = { task, log: [] };
    tasks.set(id, stored);
    if (requestId) byRequest.set(requestId, stored);
    return { stored, isNew: true };
  };
  const submit = (spec: SpecMessage | undefined, requestId: string): Stored => {
    const { stored, isNew } = store(spec, requestId);
    if (isNew) run(stored);
    return stored;
  };
  const admit = () => {
    const refusal = refusals.shift();
    if (refusal) throw refusal;
  };

  const unary =
    <Req, Res>(answerTo: (request: Req) => Res): handleUnaryCall<Req, Res> =>
    ({ request }, callback) => {
      try {
        admit();
        callback(null, answerTo(request));
      } catch (error) {
        callback(statusOf(error));
      }
    };
  /** Writes the log of a task to a call, from an entry on, until the task has ended or the call is over. */
  const follow = <Req, Res>(
    call: ServerWritableStream<Req, Res>,
    { log }: Stored,
    from: number,
    wrap: (entry: TaskEvent) => Res,
  ) => {
    if (from >= log.length && log.at(-1)?.event?.$case === "taskEnded") {
      call.end();
      return;
    }
    let next = from;
    const stream: Stream = {
      push() {
        for (let entry = log[next]; entry; entry = log[next]) {
          next += 1;
          call.write(wrap(entry));
          if (entry.event?.$case !== "taskEnded" || next < log.length) continue;
          streams.delete(stream);
          call.end();
        }
      },
      drop(refusal) {
        streams.delete(stream);
        call.emit("error", encodeRefusal(refusal));
      },
    };
    streams.add(stream);
    call.on("cancelled", () => streams.delete(stream));
    stream.push();
  };

  const service: AgentServiceServer = {
    submitTask: unary(({ spec, requestId }) => ({ task: submit(spec, requestId).task })),
    submitTasks: unary((request) => ({
      outcomes: request.tasks.map(({ spec, requestId }) => ({
        outcome: { $case: "taskId", value: submit(spec, requestId).task.id },
      })),
    })),
    runTask(call) {
      try {
        admit();
        const { stored, isNew } = store(call.request.spec, call.request.requestId);
        call.write({ message: { $case: "task", value: stored.task } });
        follow(call, stored, 0, (value) => ({ message: { $case: "event" as const, value } }));
        if (isNew) run(stored);
      } catch (error) {
        call.emit("error", statusOf(error));
      }
    },
    watchTask(call) {
      try {
        admit();
        follow(call, find(call.request.taskId), call.request.afterSequence, (event) => ({ event }));
      } catch (error) {
        call.emit("error", statusOf(error));
      }
    },
    getTask: unary(({ taskId }) => ({ task: find(taskId).task })),
    listTasks: unary(({ states, filter, pageSize, pageToken }) => {
      const labels = Object.entries(filter?.labels ?? {});
      const found = [...tasks.values()]
        .map(({ task }) => task)
        .filter((task) => states.length === 0 || states.includes(task.state))
        .filter((task) => labels.every(([name, value]) => task.spec?.labels[name] === value))
        .toReversed();
      const from = Number(pageToken || 0);
      const to = from + (pageSize || 50);
      return { tasks: found.slice(from, to), nextPageToken: to < found.length ? String(to) : "" };
    }),
    cancelTask: unary(({ taskId }) => {
      const stored = find(taskId);
      if (!ENDED.includes(stored.task.state)) finish(stored, TaskEnded.fromPartial({ state: TaskState.CANCELLED }));
      return { task: stored.task };
    }),
    retryTask: unary(({ taskId, reason }) => {
      const stored = find(taskId);
      const { state } = stored.task;
      if (state !== TaskState.FAILED && state !== TaskState.EXPIRED)
        throw new Refusal("TASK_NOT_FAILED", `task ${taskId} did not fail`);
      Object.assign(stored.task, { error: undefined, endTime: undefined });
      change(stored, TaskState.QUEUED, reason);
      const task = TaskMessage.fromPartial(stored.task);
      run(stored);
      return { task };
    }),
    putSchedule: unary(({ schedule }) => {
      if (schedule) schedules.set(schedule.name, schedule);
      return { schedule };
    }),
    listSchedules: unary(() => ({ schedules: byName(schedules) })),
    deleteSchedule: unary(({ name }) => {
      if (!schedules.delete(name)) throw new Refusal("SCHEDULE_NOT_FOUND", `no schedule ${name}`);
      return {};
    }),
    explainTask: unary(({ taskId }) => ExplainTaskResponse.fromPartial({ state: find(taskId).task.state })),
    estimateTask: unary(() => EstimateTaskResponse.create()),
    getTaskTrace: unary(() => GetTaskTraceResponse.create()),
    getMyUsage: unary(() => GetMyUsageResponse.fromPartial({ startTime: new Date(), endTime: new Date() })),
    getMyForecast: unary(({ metric, horizon }) => {
      const state = ForecastState.TOO_LITTLE_DATA;
      const reason = "the gateway in memory knows no usage";
      const asked = { metric: metric || ForecastMetric.TOKENS, horizon, startTime: new Date() };
      return { forecast: Forecast.fromPartial({ ...asked, state, reason }) };
    }),
    getMyBudgets: unary(() => ({ budgets: [] })),
    getCapabilities: unary(() => ({
      engines: ["fake"],
      maxPromptBytes: 1_048_576n,
      version: "0",
      agentId: "test",
      scopes: [],
    })),
  };

  const server = new Server();
  server.addService(AgentServiceService, service);
  const port = await new Promise<AddressInfo["port"]>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });

  return {
    target: `127.0.0.1:${port}`,
    get tasks() {
      return [...tasks.values()].map(({ task }) => toTask(TaskMessage.fromPartial(task)));
    },
    get schedules() {
      return byName(schedules).map(toSchedule);
    },
    refuse(reason, { message = "refused by the test", times = 1, retryAfterMs, metadata } = {}) {
      for (let left = times; left > 0; left -= 1)
        refusals.push(new Refusal(reason, message, { retryAfterMs, metadata }));
    },
    end(taskId, how) {
      const stored = find(taskId);
      if (ENDED.includes(stored.task.state)) throw new Error(`task ${taskId} ended before`);
      end(stored, how);
    },
    dropStreams() {
      for (const stream of streams) stream.drop(new Refusal("SHUTTING_DOWN", "the gateway restarts"));
    },
    close: () => server.forceShutdown(),
  };
}

function statusOf(error: unknown): StatusObject {
  return encodeRefusal(
    error instanceof Refusal ? error : new Refusal("INTERNAL", `the gateway in memory: ${String(error)}`),
  );
}

function byName(schedules: ReadonlyMap<string, ScheduleMessage>): ScheduleMessage[] {
  return [...schedules.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
