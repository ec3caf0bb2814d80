import { TaskResult } from "@ccsp/protos/ccsp/task/v1/task.js";
import { openRedis } from "@ccsp/redis-kit";
import { pino } from "pino";
import { createGates } from "../src/domain/gates/gate-keeper.js";
import type { Bounds } from "../src/domain/intake/bounds.js";
import type { NewTask } from "../src/domain/intake/intake-store.js";
import type { Grant, SyncMark } from "../src/domain/leases/lease-store.js";
import { createSync } from "../src/domain/leases/sync.js";
import { createWaitingExecutors } from "../src/domain/leases/waiting-executors.js";
import { createMoves } from "../src/domain/lifecycle/moves.js";
import type { QueueObserver } from "../src/domain/lifecycle/observer.js";
import { createQueue } from "../src/domain/lifecycle/queue.js";
import { classWeights, type Order } from "../src/domain/order/order.js";
import { CLASSES } from "../src/domain/task/task.js";
import { GATE_NAMES } from "../src/messages/words.js";
import { createTaskStore } from "../src/redis/task-store.js";
import { openWakes } from "../src/redis/wakes.js";
import { createTaskIds } from "../src/task-id.js";

export const PROMPT = "a prompt of usual size ".repeat(14).slice(0, 300);
export const ENGINE = "bench";
export const LEASE_MS = 30_000;
const AGENTS = 8;

const BOUND = { tasks: 2_000_000, bytes: 10e9 };
const BOUNDS: Bounds = {
  all: BOUND,
  class: { urgent: BOUND, high: BOUND, normal: BOUND, low: BOUND },
  agent: BOUND,
};
export const ORDER: Order = {
  urgentMax: 1,
  weights: classWeights(16, 4, 1),
  agentMaxRunning: 0,
  agentWeights: {},
  labelMaxRunning: {},
  engineRates: {},
  accountRates: {},
  agentRates: {},
};
const RESULT = TaskResult.encode(TaskResult.fromPartial({ text: "done" })).finish();
// The tokens that the run used, so the queue corrects the agent's charge.
const FACTS = { tokens: 100 };
const NOBODY: QueueObserver = {
  accepted() {},
  ended() {},
  failed() {},
  leased() {},
  leaseExpired() {},
  deliveryLost() {},
};

export type Ours = Awaited<ReturnType<typeof openOurs>>;

/** The queue, assembled as the service does it but without gRPC: eight agents, four classes. */
export async function openOurs(url: string) {
  const redis = await openRedis(url, { log: pino({ level: "silent" }), name: "bench" });
  const wakes = await openWakes(await redis.duplicate(), redis.client);
  const waitingExecutors = createWaitingExecutors(wakes, [ENGINE]);
  const store = createTaskStore(redis.client, { shard: 0, engines: [ENGINE], bounds: BOUNDS, retentionMs: 86_400_000 });
  const retry = { baseMs: 1_000, random: Math.random, refusals: { runs: 50, waitMs: 21_600_000 } };
  const gates = createGates(store, { rampMs: 60_000, names: GATE_NAMES });
  const moves = createMoves({ store, observer: NOBODY }, { bounds: BOUNDS, order: ORDER });
  const queue = createQueue({ store, moves, gates, observer: NOBODY }, { bounds: BOUNDS, retry, order: ORDER });
  const sync = createSync(
    { store, queue, waitingExecutors, observer: NOBODY },
    { leaseMs: LEASE_MS, engines: [ENGINE], order: () => ORDER, stopping: new AbortController().signal },
  );
  const newId = createTaskIds(1);

  const agentAt = (index: number) => `agent-${index % AGENTS}`;
  const newTask = (index: number): NewTask => ({
    id: newId(agentAt(index)),
    agent: agentAt(index),
    engine: ENGINE,
    class: CLASSES[Math.floor(index / AGENTS) % CLASSES.length] ?? "normal",
    max: 3,
    spec: "",
    prompts: Buffer.from(PROMPT),
  });

  const complete = ({ task, fence }: Grant) => queue.complete(task.id, fence, RESULT, FACTS);
  const reportStart = ({ task, fence }: Grant) =>
    queue.report({ id: task.id, fence, number: 1, started: { traceparent: "" }, entries: [] });

  return {
    store,
    queue,
    moves,
    newTask,
    complete,
    /** The leases of one Sync, with prompts of any size. */
    async claim(mark: SyncMark, count: number, leaseMs = LEASE_MS): Promise<readonly Grant[]> {
      const wanted = { engine: ENGINE, account: "", count, leaseMs, maxBytes: 1e8, order: ORDER, early: false };
      const claimed = await store.claim({ ...mark, ...wanted });
      if (typeof claimed === "string") throw new Error("the Sync was not the newest");
      return claimed.grants;
    },
    enqueue: (index: number) => store.enqueue(newTask(index)),

    /**
     * One executor with `slots` slots runs everything that waits. It calls Sync whenever slots are free, and Complete
     * at once.
     */
    async drain(slots: number, { started }: { started: boolean }): Promise<void> {
      const held = new Map<string, bigint>();
      let sequence = 0n;
      let wake = () => {};
      const failures: unknown[] = [];
      const run = async (grant: Grant) => {
        if (started) await reportStart(grant);
        await complete(grant);
      };
      for (;;) {
        if (failures.length > 0) throw failures[0];
        const { grants } = await sync(
          {
            executor: "ex-1",
            boot: "boot-1",
            sequence: ++sequence,
            draining: false,
            address: "",
            maxWaitMs: 0,
            held: [...held].map(([id, fence]) => ({ id, fence })),
            offers: [{ engine: ENGINE, account: "", freeSlots: slots - held.size, slots, version: "" }],
          },
          new AbortController().signal,
        );
        for (const grant of grants) {
          held.set(grant.task.id, BigInt(grant.fence));
          void run(grant)
            .catch((error: unknown) => failures.push(error))
            .finally(() => {
              held.delete(grant.task.id);
              wake();
            });
        }
        if (held.size === 0 && grants.length === 0) return;
        if (held.size >= slots || grants.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      }
    },

    async close() {
      await waitingExecutors.close();
      await wakes.close();
      await redis.close();
    },
  };
}
