import { Refusal } from "@ccsp/errors";
import { implementSome, serveGrpc } from "@ccsp/grpc-kit";
import {
  ExecutorServiceService,
  GetExecutorStatusResponse,
  ProbeResponse,
} from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import {
  EmergencyLevel,
  ExplainTaskResponse,
  Gate,
  GetStatusResponse,
  QueueServiceService,
} from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { BlockerKind } from "@ccsp/protos/ccsp/task/v1/explanation.js";
import { ErrorCategory, Priority, Task, TaskEvent, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import pino from "pino";

const MINUTE_AGO = new Date("2026-01-31T08:59:00Z");

export const FAILED_TASK = Task.fromPartial({
  id: "0-01k7h8zq3v5c9m2n4p6r8s0t1w",
  agentId: "alice",
  state: TaskState.FAILED,
  attempt: 3,
  createTime: MINUTE_AGO,
  spec: { engine: "claude-code", priority: Priority.LOW, labels: { team: "docs" } },
  error: { category: ErrorCategory.OVERLOADED, message: "529", retryable: true },
});

const GATE = Gate.fromPartial({
  scope: { scope: { $case: "engine", value: "claude-code" } },
  who: "ada",
  why: "maintenance",
  closeTime: MINUTE_AGO,
});

const STATUS = GetStatusResponse.fromPartial({
  leased: 1n,
  ended: 2n ** 60n,
  engines: ["claude-code"],
  depths: [{ engine: "claude-code", priority: Priority.NORMAL, waiting: 2n, oldestAge: { seconds: 125n, nanos: 0 } }],
  gates: [GATE],
  agents: [{ agentId: "alice", waiting: 2n, paused: true }],
  executors: [{ executorId: "executor-1", leases: 1, engines: [{ engine: "claude-code", freeSlots: 1, slots: 2 }] }],
  emergency: { id: "e", level: EmergencyLevel.NO_START, who: "ada", why: "leak", receipts: [{ executorId: "x" }] },
});

const EXECUTOR = GetExecutorStatusResponse.fromPartial({
  executorId: "executor-1",
  engines: [
    { engine: "claude-code", version: "2.1.0", slots: 2, running: 1, account: "team" },
    { engine: "opencode", slots: 1 },
  ],
  runs: [{ taskId: FAILED_TASK.id, engine: "claude-code", pid: 42, startTime: MINUTE_AGO }],
});

/** A fake queue and a fake executor at one address, with one task, one gate and one run. */
export async function startFakeInternalServices() {
  const find = (taskId: string): { task: Task } => {
    if (taskId !== FAILED_TASK.id) throw new Refusal("TASK_NOT_FOUND", "no such task");
    return { task: FAILED_TASK };
  };
  const queue = implementSome(QueueServiceService, {
    getStatus: async () => STATUS,
    list: async ({ states }) => ({
      tasks: states.length === 0 || states.includes(FAILED_TASK.state) ? [FAILED_TASK] : [],
      nextPageToken: "",
    }),
    get: async ({ taskId }) => find(taskId),
    cancel: async ({ taskId }) => find(taskId),
    retryTask: async ({ taskId }) => find(taskId),
    setPriority: async ({ taskId }) => find(taskId),
    explainTask: async () =>
      ExplainTaskResponse.fromPartial({
        state: TaskState.QUEUED,
        aheadInClass: 0n,
        blockers: [{ kind: BlockerKind.GATE, message: "paused" }],
      }),
    async *watch() {
      yield { event: TaskEvent.fromPartial({ sequence: 1, event: { $case: "toolUse", value: { name: "Bash" } } }) };
      const value = { state: TaskState.FAILED, error: { message: "529" } };
      yield { event: TaskEvent.fromPartial({ sequence: 2, event: { $case: "taskEnded", value } }) };
    },
    cancelTasks: async () => ({ matched: 1n, cancelled: 0n }),
    retryTasks: async () => ({ matched: 1n, retried: 1n }),
    pauseQueue: async () => ({ gate: GATE }),
    resumeQueue: async () => ({ resumed: true }),
    clearQueue: async () => ({ tasks: 1n, confirmationToken: "t", agents: [{ agentId: "alice", tasks: 1n }] }),
    emergencyStop: async () => ({ status: STATUS.emergency, confirmed: true }),
  });
  const executor = implementSome(ExecutorServiceService, {
    getExecutorStatus: async () => EXECUTOR,
    listRuns: async () => ({ runs: EXECUTOR.runs }),
    async *tailRun() {
      yield { text: "hello", gap: false };
    },
    setDraining: async () => ({ running: 1 }),
    setConcurrency: async () => ({ engine: EXECUTOR.engines[0] }),
    probe: async () => ProbeResponse.fromPartial({ ok: true, firstText: { seconds: 1n, nanos: 0 }, model: "m" }),
  });
  const server = await serveGrpc({
    listen: { host: "127.0.0.1", port: 0 },
    log: pino({ level: "silent" }),
    lameDuckMs: 0,
    drainMs: 1_000,
    services: [queue, executor],
  });
  return { target: `127.0.0.1:${server.port}`, close: () => server.close() };
}
