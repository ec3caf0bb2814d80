import { Refusal } from "@ccsp/errors";
import { type GrpcServer, implementSome, serveGrpc } from "@ccsp/grpc-kit";
import type { CompleteRequest, FailRequest, ReportRequest } from "@ccsp/protos/ccsp/queue/v1/attempt.js";
import { EmergencyLevel, type EmergencyOrder } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { Lease, type SyncRequest } from "@ccsp/protos/ccsp/queue/v1/sync.js";
import { TaskSpec, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { pino } from "pino";

/** What the executor reported to the queue about one task. */
export interface TaskRecord {
  readonly reports: ReportRequest[];
  /** Names of all calls about the task, including refused calls. */
  readonly calls: string[];
  fence: bigint;
  ended?: { how: "complete"; request: CompleteRequest } | { how: "fail"; request: FailRequest } | { how: "release" };
}

/** A queue that grants the tasks of a test and records what the executor reports. */
export interface FakeQueue {
  readonly port: number;
  readonly syncs: readonly SyncRequest[];
  /** Adds a task, which waits for a free slot. Returns the task's id. */
  add(prompt: string, spec?: Partial<TaskSpec>, lease?: Partial<Lease>): string;
  recordOf(taskId: string): TaskRecord;
  /** The text of all reports until now. */
  textOf(taskId: string): string;
  cancel(taskId: string): void;
  /** The lease is no longer valid. */
  lose(taskId: string): void;
  /** Orders an emergency stop; undefined ends it. This queue grants leases even during the stop. */
  emergency(order: EmergencyOrder | undefined): void;
  /** How long leases last from now on. They are long, because a busy machine may stop this process for seconds. */
  leaseSeconds: number;
  /** While `is` is true, every call fails. */
  readonly away: { is: boolean };
  /** The calls about a task that answer INTERNAL, with the task's id: `report task-1`. */
  readonly faults: Set<string>;
  /** Called with each report before the queue answers it. */
  onReport: (request: ReportRequest) => Promise<void>;
  close(): Promise<void>;
}

export async function startFakeQueue(): Promise<FakeQueue> {
  const waiting: Lease[] = [];
  /** Leases in the answer to the last Sync. */
  const granted: Lease[] = [];
  const tasks = new Map<string, TaskRecord & { lost: boolean; cancelled: boolean }>();
  const syncs: SyncRequest[] = [];
  const away = { is: false };
  const faults = new Set<string>();
  let order: EmergencyOrder | undefined;
  let count = 0;
  let news = () => {};

  const held = ({ taskId, fence }: { taskId: string; fence: bigint }, call: string) => {
    tasks.get(taskId)?.calls.push(call);
    if (away.is) throw new Refusal("DEPENDENCY_UNAVAILABLE", "away");
    if (faults.has(`${call} ${taskId}`)) throw new Error("a fault of the queue");
    const task = tasks.get(taskId);
    if (!task || task.lost || task.fence !== fence) throw new Refusal("LEASE_LOST", "lost");
    return task;
  };
  const queue = implementSome(QueueServiceService, {
    async sync(request, { signal }) {
      if (away.is) throw new Refusal("DEPENDENCY_UNAVAILABLE", "away");
      syncs.push(request);
      // These leases were in the answer to a call that the executor gave up. The real queue gives each a new fence.
      for (const lease of granted.splice(0)) {
        const arrived = request.leases.some(({ taskId }) => taskId === lease.taskId);
        if (!arrived && tasks.get(lease.taskId)?.calls.length === 0) waiting.push(lease);
      }
      const endAt = Date.now() + Number(request.maxWait?.seconds ?? 0n) * 1000;
      for (;;) {
        const cancellations = request.leases
          .filter(({ taskId }) => tasks.get(taskId)?.cancelled)
          .map((id) => ({ ...id, reason: "a test" }));
        const lostTaskIds = request.leases.filter(({ taskId }) => tasks.get(taskId)?.lost).map(({ taskId }) => taskId);
        const { emergency: receipt } = request;
        const obeyed = receipt?.id === order?.id && receipt?.remaining === 0;
        const ordered = order !== undefined && order.level >= EmergencyLevel.PARK_RUNNING && !obeyed;
        const free = request.engines[0]?.freeSlots ?? 0;
        const leases = signal.aborted ? [] : waiting.splice(0, free);
        const leftMs = endAt - Date.now();
        if (
          leases.length + cancellations.length + lostTaskIds.length > 0 ||
          ordered ||
          free === 0 ||
          leftMs <= 0 ||
          signal.aborted
        ) {
          granted.push(...leases);
          const nextSync = { seconds: 0n, nanos: 200_000_000 };
          return {
            leases,
            cancellations,
            lostTaskIds,
            nextSync,
            emergency: order,
            leaseLength: { seconds: BigInt(fake.leaseSeconds), nanos: 0 },
            time: undefined,
            backlog: [],
            runHolds: [],
          };
        }
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, leftMs);
          signal.addEventListener("abort", () => resolve(), { once: true });
          news = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    },
    async report(request) {
      const task = held(request, "report");
      await fake.onReport(request);
      if (task.reports.every(({ reportSequence }) => reportSequence < request.reportSequence))
        task.reports.push(request);
      return {};
    },
    async complete(request) {
      held(request, "complete").ended = { how: "complete", request };
      return {};
    },
    async fail(request) {
      held(request, "fail").ended = { how: "fail", request };
      return { state: TaskState.FAILED };
    },
    async release(request) {
      held(request, "release").ended = { how: "release" };
      return {};
    },
  });

  const log = pino({ level: "silent" });
  const server: GrpcServer = await serveGrpc({
    listen: { host: "127.0.0.1", port: 0 },
    services: [queue],
    log,
    drainMs: 200,
    lameDuckMs: 0,
  });
  const find = (taskId: string) => {
    const task = tasks.get(taskId);
    if (!task) throw new Error(`no task ${taskId}`);
    return task;
  };
  const fake: FakeQueue = {
    port: server.port,
    syncs,
    leaseSeconds: 120,
    away,
    faults,
    add(prompt, spec = {}, lease = {}) {
      const taskId = lease.taskId ?? `task-${++count}`;
      const fence = lease.fence ?? 1n;
      tasks.set(taskId, { reports: [], calls: [], fence, lost: false, cancelled: false });
      const full = TaskSpec.fromPartial({ engine: "claude-code", prompt, ...spec });
      waiting.push(Lease.fromPartial({ taskId, fence, agentId: "a", attempt: 1, ...lease, spec: full }));
      news();
      return taskId;
    },
    recordOf: find,
    textOf(taskId) {
      const messages = new Map<number, string>();
      for (const { event } of find(taskId).reports.flatMap(({ events }) => events)) {
        if (event?.$case === "textTakenBack") messages.delete(event.value.message);
        if (event?.$case !== "textDelta") continue;
        const { message, text } = event.value;
        messages.set(message, (messages.get(message) ?? "") + text);
      }
      return messages.get(Math.max(...messages.keys())) ?? "";
    },
    cancel(taskId) {
      find(taskId).cancelled = true;
      news();
    },
    lose(taskId) {
      find(taskId).lost = true;
      news();
    },
    emergency(newest) {
      order = newest;
      news();
    },
    onReport: async () => {},
    close: () => server.close(),
  };
  return fake;
}
