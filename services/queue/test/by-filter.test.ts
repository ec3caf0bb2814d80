import assert from "node:assert/strict";
import type { TaskFilter } from "@ccsp/protos/ccsp/task/v1/filter.js";
import {
  ErrorCategory,
  Priority,
  type Task,
  TaskError,
  type TaskSpec,
  TaskState,
} from "@ccsp/protos/ccsp/task/v1/task.js";
import { status } from "@grpc/grpc-js";
import { NO_BOUNDS } from "../src/domain/intake/bounds.js";
import { createBulk } from "../src/domain/search/bulk.js";
import { ANY_TASK } from "../src/domain/search/filter.js";
import { createShards } from "../src/redis/shards.js";
import { type QueueClient, refused, serveReplica, spec, syncRequest } from "./grpc-world.js";
import { checkInvariants } from "./invariants.js";
import { startWorld, type World, type WorldOptions } from "./world.js";

for (const [where, options] of Object.entries<WorldOptions>({
  "in one shard": {},
  "in four shards": { shards: 4 },
  "in four shards on a Cluster": { shards: 4, cluster: true },
  "with each script sent twice": { twice: true },
})) {
  describe(`RPCs by filter ${where}`, () => byFilter(options));
}

function byFilter(options: WorldOptions): void {
  let world: World;
  let replica: Awaited<ReturnType<typeof serveReplica>>;
  let client: QueueClient;
  before(async () => {
    world = await startWorld(options);
    replica = await serveReplica(world);
    client = replica.client;
  });
  after(async () => {
    await replica.close();
    await world.close();
  });
  beforeEach(() => world.reset());
  afterEach(() => checkInvariants(world));

  const addNow = async (agentId: string, more: Partial<TaskSpec> = {}): Promise<string> =>
    (await client.enqueue({ agentId, spec: spec(more), requestId: "" })).task?.id ?? "";
  /** Enqueues a task, one millisecond after the previous task. */
  const add = async (agentId: string, more: Partial<TaskSpec> = {}): Promise<string> => {
    world.clock.now++;
    return addNow(agentId, more);
  };
  let executors = 0;
  const lease = async () => {
    const { leases } = await client.sync(syncRequest({ executorId: `ex-${++executors}` }));
    assert.ok(leases[0], "no lease");
    return leases[0];
  };
  const fail = async (category: ErrorCategory): Promise<string> => {
    const { taskId, fence } = await lease();
    await client.fail({ taskId, fence, error: TaskError.fromPartial({ category }) });
    return taskId;
  };
  const taskOf = async (id: string): Promise<Task> => {
    const tasks = await pages({}, 500);
    const task = tasks.find((each) => each.id === id);
    assert.ok(task, "no such task");
    return task;
  };
  const stateOf = async (id: string): Promise<string> => TaskState[(await taskOf(id)).state];
  const statesOf = (ids: readonly string[]): Promise<string[]> => Promise.all(ids.map(stateOf));
  const pages = async (request: Parameters<QueueClient["list"]>[0], pageSize: number): Promise<Task[]> => {
    const tasks: Task[] = [];
    let pageToken = "";
    do {
      const page = await client.list({ ...request, pageSize, pageToken });
      tasks.push(...page.tasks);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return tasks;
  };
  const list = async (filter: Partial<TaskFilter>, agentId = "") =>
    (await client.list({ agentId, filter: filterOf(filter) })).tasks.map(({ id }) => id);
  const cancel = (filter: Partial<TaskFilter>, dryRun = false) =>
    client.cancelTasks({ filter: filterOf(filter), dryRun, reason: "not needed" });
  const retry = (filter: Partial<TaskFilter>, dryRun = false) =>
    client.retryTasks({ filter: filterOf(filter), dryRun, reason: "again" });
  const clear = (confirmationToken = "", priority = Priority.LOW, agentId = "") =>
    client.clearQueue({ priority, agentId, confirmationToken, who: "ada" });
  const invalid = (call: Promise<unknown>) => refused(call, status.INVALID_ARGUMENT, "INVALID_FIELD");
  const unconfirmed = (call: Promise<unknown>) => refused(call, status.FAILED_PRECONDITION, "CONFIRMATION_INVALID");

  describe("List", () => {
    it("shows every agent's tasks to an operator, newest first, each once, in pages of any size", async () => {
      const ids: string[] = [];
      for (let i = 0; i < 30; i++) ids.push(await add(AGENTS[(i * i) % AGENTS.length] ?? ""));
      for (const size of [1, 7, 30, 500]) {
        assert.deepEqual(
          (await pages({}, size)).map(({ id }) => id),
          ids.toReversed(),
          `pages of ${size}`,
        );
      }
      assert.equal((await client.list({ pageSize: 30 })).nextPageToken, "");
    });

    it("shows the matches of each field of the filter, and of all fields together", async () => {
      const plain = await add("alice");
      const at = world.clock.now;
      const other = await add("bob", { engine: "opencode", priority: Priority.HIGH, labels: { repo: "a/b", x: "1" } });
      const failed = await fail(ErrorCategory.INVALID_REQUEST);
      assert.deepEqual([failed, await list({})], [plain, [other, plain]]);
      assert.deepEqual(await list({ engine: "opencode" }), [other]);
      assert.deepEqual(await list({ priorities: [Priority.HIGH, Priority.LOW] }), [other]);
      assert.deepEqual(await list({ labels: { repo: "a/b" } }), [other]);
      assert.deepEqual(await list({ labels: { repo: "a/b", x: "2" } }), []);
      assert.deepEqual(await list({ createdAfter: new Date(at) }), [other, plain]);
      assert.deepEqual(await list({ createdAfter: new Date(at + 1) }), [other]);
      assert.deepEqual(await list({ createdBefore: new Date(at + 1) }), [plain]);
      assert.deepEqual(await list({ errorCategories: [ErrorCategory.INVALID_REQUEST] }), [plain]);
      assert.deepEqual(await list({ engine: "opencode", labels: { x: "1" } }, "alice"), []);
      assert.deepEqual(await list({ engine: "opencode", labels: { x: "1" } }, "bob"), [other]);
    });

    it("refuses a filter that repeats a field of the request, and an invalid agent", async () => {
      await invalid(list({ agentId: "alice" }));
      await invalid(list({ states: [TaskState.QUEUED] }));
      await invalid(list({}, "alice/0-"));
    });
  });

  describe("CancelTasks", () => {
    it("counts first, then ends waiting tasks and moves running tasks through CANCELLING", async () => {
      const held = await add("alice", { labels: { batch: "7" } });
      const { taskId, fence } = await lease();
      assert.equal(taskId, held);
      const waiting = await add("bob", { labels: { batch: "7" } });
      const other = await add("alice");
      assert.deepEqual(await cancel({ labels: { batch: "7" } }, true), { matched: 2n, cancelled: 0n });
      assert.deepEqual(await statesOf([held, waiting, other]), ["LEASED", "QUEUED", "QUEUED"]);

      assert.deepEqual(await cancel({ labels: { batch: "7" } }), { matched: 2n, cancelled: 2n });
      assert.deepEqual(await statesOf([held, waiting, other]), ["CANCELLING", "CANCELLED", "QUEUED"]);
      // A task that is being cancelled has not ended, so it counts again. An ended task does not.
      assert.deepEqual(await cancel({ labels: { batch: "7" } }), { matched: 1n, cancelled: 1n });
      await client.fail({ taskId, fence, error: TaskError.fromPartial({ category: ErrorCategory.CANCELLED }) });
      assert.deepEqual(await cancel({ labels: { batch: "7" } }), { matched: 0n, cancelled: 0n });
      assert.equal((await taskOf(held)).error?.message, "not needed");
    });

    it("handles more than fits into one batch, and all agents", async () => {
      for (const agentId of AGENTS) {
        const items = Array.from({ length: 60 }, () => ({ spec: spec(), requestId: "" }));
        await client.enqueueBatch({ agentId, items });
      }
      const all = BigInt(AGENTS.length * 60);
      assert.deepEqual(await cancel({ engine: "claude-code" }), { matched: all, cancelled: all });
      assert.equal((await client.getStatus({})).ended, all);
    });

    it("skips a task that no longer matches when its turn comes", async () => {
      const ids = [await add("alice"), await add("alice")];
      let leased = "";
      const store = {
        ...world.store,
        async candidates(...args: Parameters<World["store"]["candidates"]>) {
          const page = await world.store.candidates(...args);
          if (page.found.length > 0) leased ||= (await lease()).taskId;
          return page;
        },
      };
      const bulk = createBulk({ store, moves: world.moves });
      const filter = { ...ANY_TASK, states: ["QUEUED"] as const };
      const { signal } = new AbortController();
      const { matched, changed } = await bulk.cancel({ filter, reason: "", dryRun: false }, signal);
      assert.deepEqual([matched.get("alice"), changed.get("alice")], [2, 1]);
      assert.deepEqual([leased, ...(await statesOf(ids))], [ids[0], "LEASED", "CANCELLED"]);
    });

    it("stops with its caller, keeps its changes, and continues when it is called again", async () => {
      const items = Array.from({ length: 300 }, () => ({ spec: spec(), requestId: "" }));
      await client.enqueueBatch({ agentId: "alice", items });
      const caller = new AbortController();
      let pages = 0;
      const store = {
        ...world.store,
        async candidates(...args: Parameters<World["store"]["candidates"]>) {
          const page = await world.store.candidates(...args);
          if (page.found.length > 0 && ++pages === 2) caller.abort(new Error("the caller left"));
          return page;
        },
      };
      const all = { filter: { ...ANY_TASK, agent: "alice" }, reason: "", dryRun: false };
      const { cancel: cancelAll } = createBulk({ store, moves: world.moves });
      await assert.rejects(cancelAll(all, caller.signal), /the caller left/);
      assert.deepEqual(await cancel({ agentId: "alice" }), { matched: 172n, cancelled: 172n });
    });

    it("finds a task that moves back behind its place during the scan", async () => {
      const [first, second] = [await add("alice"), await add("alice")];
      const held = await lease();
      assert.equal(held.taskId, first);
      let pages = 0;
      const store = {
        ...world.store,
        async candidates(...args: Parameters<World["store"]["candidates"]>) {
          const page = await world.store.candidates(...args);
          if (page.found.some(({ id }) => id === second) && ++pages === 1) {
            await client.release({ taskId: held.taskId, fence: held.fence, reason: "" });
          }
          return page;
        },
      };
      const all = { filter: { ...ANY_TASK, engine: "claude-code" }, reason: "", dryRun: false };
      const { changed } = await createBulk({ store, moves: world.moves }).cancel(all, new AbortController().signal);
      assert.equal(changed.get("alice"), 2);
      assert.deepEqual(await statesOf([first, second]), ["CANCELLED", "CANCELLED"]);
    });

    it("does not change tasks that are accepted during the scan", async () => {
      await add("alice");
      let later = "";
      const store = {
        ...world.store,
        async candidates(...args: Parameters<World["store"]["candidates"]>) {
          later ||= await add("zoe");
          return world.store.candidates(...args);
        },
      };
      const all = { filter: { ...ANY_TASK, classes: ["normal" as const] }, reason: "", dryRun: false };
      const { changed } = await createBulk({ store, moves: world.moves }).cancel(all, new AbortController().signal);
      assert.deepEqual([...changed], [["alice", 1]]);
      assert.equal(await stateOf(later), "QUEUED");
    });

    it("finds tasks for an engine that this installation no longer has", async () => {
      const ids = [await add("alice"), await add("alice", { engine: "opencode" })];
      const { client: redis } = world.redis;
      const options = { engines: ["claude-code"], bounds: NO_BOUNDS, retentionMs: 1e9, now: () => world.clock.now };
      const bulk = createBulk({ store: createShards(redis, world.shards, options), moves: world.moves });
      const all = { filter: { ...ANY_TASK, states: ["QUEUED" as const] }, reason: "", dryRun: false };
      assert.equal((await bulk.cancel(all, new AbortController().signal)).changed.get("alice"), 2);
      assert.deepEqual(await statesOf(ids), ["CANCELLED", "CANCELLED"]);
    });

    it("refuses a filter without a field, an unknown value and a long reason", async () => {
      await invalid(cancel({}));
      await invalid(client.cancelTasks({ dryRun: true }));
      await invalid(cancel({ states: [TaskState.UNSPECIFIED] }));
      await invalid(client.cancelTasks({ filter: filterOf({ engine: "x" }), reason: "é".repeat(129) }));
    });
  });

  describe("RetryTasks", () => {
    it("puts back tasks that failed with the named categories, with their class and age, after a count", async () => {
      const first = await add("alice", { priority: Priority.HIGH });
      const second = await add("alice");
      await fail(ErrorCategory.INVALID_REQUEST);
      await fail(ErrorCategory.INVALID_REQUEST);
      const spoiled = await add("bob");
      await fail(ErrorCategory.PERMISSION_DENIED);
      const newer = await add("alice");
      const wanted = { errorCategories: [ErrorCategory.INVALID_REQUEST] };

      assert.deepEqual(await retry(wanted, true), { matched: 2n, retried: 0n });
      assert.deepEqual(await statesOf([first, second]), ["FAILED", "FAILED"]);
      assert.deepEqual(await retry(wanted), { matched: 2n, retried: 2n });
      assert.deepEqual(await retry(wanted), { matched: 0n, retried: 0n });
      assert.deepEqual(await statesOf([first, second, spoiled]), ["QUEUED", "QUEUED", "FAILED"]);
      const order = [];
      for (let i = 0; i < 3; i++) order.push((await lease()).taskId);
      assert.deepEqual(order, [first, second, newer]);
    });

    it("refuses states that cannot be put back, and a filter without a field", async () => {
      await invalid(retry({ states: [TaskState.FAILED, TaskState.CANCELLED] }));
      await invalid(retry({}));
    });
  });

  describe("ClearQueue", () => {
    it("removes with the token the tasks that waited before the dry run, and reports by agent", async () => {
      const [LOW, HIGH] = [{ priority: Priority.LOW }, { priority: Priority.HIGH }];
      await add("alice", LOW);
      const parkedOne = await lease();
      const error = TaskError.fromPartial({ category: ErrorCategory.NETWORK_ERROR, retryable: true });
      await client.fail({ taskId: parkedOne.taskId, fence: parkedOne.fence, error });
      await add("alice", LOW);
      const running = (await lease()).taskId;
      const waiting = [await add("bob", LOW), await add("alice", LOW)];
      const scheduled = await add("alice", { ...LOW, startTime: new Date(Date.now() + 3_600_000) });
      const gone = [parkedOne.taskId, ...waiting, scheduled];
      const otherClass = await add("alice", HIGH);
      world.clock.now++;

      const dry = await clear();
      assert.deepEqual([dry.tasks, dry.agents], [4n, BY_AGENT]);
      assert.deepEqual(await statesOf(gone), ["PARKED", "QUEUED", "QUEUED", "SCHEDULED"]);
      const later = await addNow("alice", LOW);

      assert.deepEqual(await clear(dry.confirmationToken), { tasks: 4n, agents: BY_AGENT, confirmationToken: "" });
      assert.deepEqual(await statesOf(gone), Array(4).fill("CANCELLED"));
      assert.deepEqual(await statesOf([running, otherClass, later]), ["LEASED", "QUEUED", "QUEUED"]);
      assert.equal((await taskOf(scheduled)).error?.message, "low was cleared by ada");
    });

    it("counts waiting tasks without reading their records", async () => {
      for (const agentId of AGENTS) {
        const items = Array.from({ length: 20 }, (_, i) => ({
          spec: spec({ priority: i % 2 ? Priority.LOW : Priority.HIGH }),
          requestId: "",
        }));
        await client.enqueueBatch({ agentId, items });
      }
      await cancel({ priorities: [Priority.HIGH] });
      world.clock.now++;
      let read = 0;
      const { findAll } = world.store;
      world.store.findAll = async (ids) => {
        read += ids.length;
        return findAll(ids);
      };
      try {
        assert.equal((await clear()).tasks, BigInt(AGENTS.length * 10));
        assert.equal(read, 0);
      } finally {
        world.store.findAll = findAll;
      }
    });

    it("of one agent does not touch the others", async () => {
      const [mine, other] = [
        await add("bob", { priority: Priority.LOW }),
        await add("alice", { priority: Priority.LOW }),
      ];
      world.clock.now++;
      const { tasks, confirmationToken } = await clear("", Priority.LOW, "bob");
      assert.equal(tasks, 1n);
      await unconfirmed(clear(confirmationToken));
      assert.equal((await clear(confirmationToken, Priority.LOW, "bob")).tasks, 1n);
      assert.deepEqual(await statesOf([mine, other]), ["CANCELLED", "QUEUED"]);
    });

    it("accepts a token once, for its own class and within 5 minutes", async () => {
      const id = await add("alice", { priority: Priority.LOW });
      world.clock.now++;
      const { confirmationToken } = await clear();
      await unconfirmed(clear(confirmationToken, Priority.NORMAL));
      await unconfirmed(clear("00000000-0000-4000-8000-000000000000"));
      await unconfirmed(clear("*"));
      const late = (await clear()).confirmationToken;
      assert.equal((await clear(confirmationToken)).tasks, 1n);
      await unconfirmed(clear(confirmationToken));

      await add("alice", { priority: Priority.LOW });
      const soon = (await clear()).confirmationToken;
      world.clock.now += 5 * 60_000 - 1;
      await clear(soon);
      world.clock.now += 1;
      await unconfirmed(clear(late));
      assert.equal(await stateOf(id), "CANCELLED");
      const kept = await world.redis.client.pttl((await tokenKeys(await clear()))[0] ?? "");
      assert.ok(kept > 299_000 && kept <= 300_000, `forgotten after ${kept} ms`);
    });

    const tokenKeys = async ({ confirmationToken }: { confirmationToken: string }) =>
      (await world.keys()).filter((key) => key.endsWith(confirmationToken));

    it("refuses a request without a person or without a class", async () => {
      await invalid(client.clearQueue({ priority: Priority.LOW, who: "" }));
      await invalid(clear("", Priority.UNSPECIFIED));
      await invalid(clear("", Priority.LOW, "a/b"));
    });
  });
}

// In all of four shards.
const AGENTS = ["alice", "bob", "carol", "dave", "erin", "frank", "ali", "alice-2"];
const BY_AGENT = [
  { agentId: "alice", tasks: 3n },
  { agentId: "bob", tasks: 1n },
];

function filterOf(filter: Partial<TaskFilter>): TaskFilter {
  return {
    agentId: "",
    states: [],
    engine: "",
    priorities: [],
    labels: {},
    errorCategories: [],
    createdAfter: undefined,
    createdBefore: undefined,
    ...filter,
  };
}
