import assert from "node:assert/strict";
import { TaskSpec, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually, type LeakCheck, leakCheck } from "@ccsp/testkit";
import type { Level } from "../src/cache/level.js";
import { createMemoryLevel } from "../src/cache/memory-level.js";
import { createRedisLevel } from "../src/cache/redis-level.js";
import { createResultCache, type ResultCache } from "../src/cache/result-cache.js";
import { createTaskCache } from "../src/cache/task-cache.js";
import { reap } from "../src/domain/due/reaper.js";
import { queueKeys } from "../src/redis/keys.js";
import { type QueueClient, result, serveReplica, spec, syncRequest } from "./grpc-world.js";
import { checkInvariants } from "./invariants.js";
import { startWorld, type World } from "./world.js";

const opted = (more: Partial<TaskSpec> = {}): TaskSpec => spec({ cache: { maxAge: undefined }, ...more });
const LEVEL = { ttlMs: 60_000, maxBytes: 1_000_000 };

describe("a task that opts in to cached answers", () => {
  let world: World;
  let leaks: LeakCheck;
  const closing: (() => Promise<void>)[] = [];
  before(async () => {
    leaks = leakCheck();
    world = await startWorld({ cluster: true });
  });
  beforeEach(async () => world.reset());
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });
  after(async () => {
    await world.close();
    await leaks.check();
  });

  /** Starts a replica whose cache has these levels. It waits up to a minute for each, because a busy machine may stop Redis. */
  const replica = async (levels: readonly Level[], { shared = false, patienceMs = 60_000 } = {}) => {
    const answers = createResultCache(levels, {
      observer: { lookedUp: () => undefined, wrote: () => undefined },
      now: Date.now,
      patienceMs,
    });
    closing.push(async () => answers.close());
    const served = await serveReplica(world, {
      cache: createTaskCache(answers, { shared, now: () => world.clock.now }),
    });
    closing.push(async () => served.close());
    return { client: served.client, answers };
  };
  const inMemory = async (options = {}) => replica([createMemoryLevel(LEVEL)], options);

  const enqueue = async (client: QueueClient, asked: TaskSpec, agentId = "alice") => {
    const { task } = await client.enqueue({ agentId, spec: asked });
    assert.ok(task);
    return task;
  };

  let sequence = 0n;
  /** An executor with one slot: completes what it gets, and returns the ids. */
  const run = async ({ client, answers }: { client: QueueClient; answers: ResultCache }, more = result()) => {
    const { leases } = await client.sync(syncRequest({ sequence: ++sequence, bootId: `boot-${sequence}` }));
    for (const { taskId, fence } of leases) await client.complete({ taskId, fence, result: more });
    await answers.close();
    return leases.map(({ taskId }) => taskId);
  };

  it("is answered in a batch too, in its place among tasks that have to run", async () => {
    const one = await inMemory();
    await enqueue(one.client, opted());
    await run(one);
    const items = [opted({ prompt: "another" }), opted(), opted({ cache: undefined })].map((asked) => ({
      spec: asked,
      requestId: "",
    }));
    const { outcomes } = await one.client.enqueueBatch({ agentId: "alice", items });
    const states = await Promise.all(
      outcomes.map(async ({ outcome }) => {
        const taskId = outcome?.$case === "taskId" ? outcome.value : "";
        const { task } = await one.client.get({ taskId, agentId: "alice" });
        return [task?.state, task?.spec?.prompt];
      }),
    );
    assert.deepEqual(states, [
      [TaskState.QUEUED, "another"],
      [TaskState.SUCCEEDED, opted().prompt],
      [TaskState.QUEUED, opted().prompt],
    ]);
  });

  it("is answered without a run when an equal task had one, and says so", async () => {
    const one = await inMemory();
    const first = await enqueue(one.client, opted());
    assert.equal(first.state, TaskState.QUEUED);
    assert.deepEqual(await run(one, result({ conversationId: "c-1" })), [first.id]);

    const second = await enqueue(one.client, opted({ labels: { run: "2" }, priority: 2 }));
    assert.notEqual(second.id, first.id);
    assert.equal(second.state, TaskState.SUCCEEDED);
    assert.equal(second.attempt, 0);
    assert.deepEqual(
      { ...second.result },
      { ...result(), cached: true, queueWait: { seconds: 0n, nanos: 0 }, executorId: "" },
    );
    assert.deepEqual(await run(one), [], "no executor gets it");
    assert.equal((await one.client.get({ taskId: first.id, agentId: "alice" })).task?.result?.cached, false);
    await checkInvariants(world);
  });

  it("is given to no executor before it was answered", async () => {
    const one = await inMemory();
    await enqueue(one.client, opted());
    await run(one);
    const { answer } = world.queue;
    let looked: string[] | undefined;
    world.queue.answer = async (...given) => {
      looked = await run(one);
      return answer(...given);
    };
    const { state } = await enqueue(one.client, opted());
    world.queue.answer = answer;
    assert.deepEqual(looked, []);
    assert.equal(state, TaskState.SUCCEEDED);
  });

  it("waits as requested when the found answer cannot be written", async () => {
    const one = await inMemory();
    await enqueue(one.client, opted());
    await run(one);
    const { answer } = world.queue;
    world.queue.answer = async () => Promise.reject(new Error("Redis is away"));
    const waitingFor = async (more: Partial<TaskSpec>) => (await enqueue(one.client, opted(more))).id;
    const anybodys = await waitingFor({});
    const pinned = await waitingFor({ affinity: { executorId: "ex-2", fallbackAfter: undefined } });
    const preferred = await waitingFor({ affinity: { executorId: "ex-2", fallbackAfter: { seconds: 90n, nanos: 0 } } });
    world.queue.answer = answer;
    const { blockers } = await one.client.explainTask({ taskId: pinned, agentId: "alice" });
    assert.match(blockers.map(({ message }) => message).join(), /answer/);
    const takes = async (executorId: string) => {
      await reap(world, { retentionMs: 1e9, maxEnded: 1e6, maxEndedBytes: 1e12 });
      const mark = { executorId, sequence: ++sequence, bootId: `boot-${sequence}` };
      const engines = [{ engine: "claude-code", freeSlots: 1, version: "1.0", account: "", slots: 1 }];
      const { leases } = await one.client.sync(syncRequest({ ...mark, engines }));
      for (const { taskId, fence } of leases) await one.client.complete({ taskId, fence, result: result() });
      return leases.map(({ taskId }) => taskId);
    };
    assert.deepEqual(await takes("ex-2"), []);
    world.clock.now += 60_000;
    assert.deepEqual(await takes("ex-1"), [anybodys]);
    assert.deepEqual(await takes("ex-3"), [], "the others wait for their own answers");
    world.clock.now += 30_000;
    assert.deepEqual(await takes("ex-3"), [preferred]);
    assert.deepEqual(await takes("ex-4"), []);
    assert.deepEqual(await takes("ex-2"), [pinned]);
    await checkInvariants(world);
  });

  it("has a log of QUEUED, its text and its end, and events that count nothing twice", async () => {
    const one = await inMemory();
    await enqueue(one.client, opted());
    await run(one);
    await world.redis.client.del(queueKeys(0).events);
    const { id } = await enqueue(one.client, opted());
    const entries = [];
    for await (const { event } of one.client.watch({ taskId: id, agentId: "alice" })) entries.push(event);
    assert.deepEqual(
      entries.map((entry) => [entry?.sequence, entry?.event?.$case]),
      [
        [1, "stateChanged"],
        [2, "textDelta"],
        [3, "taskEnded"],
      ],
    );
    const [first, told, last] = entries.map((entry) => entry?.event);
    assert.deepEqual(told?.value, { text: "hello", message: 1 });
    assert.ok(first?.$case === "stateChanged" && first.value.state === TaskState.QUEUED);
    assert.ok(last?.$case === "taskEnded" && last.value.state === TaskState.SUCCEEDED);
    assert.deepEqual([last.value.result?.text, last.value.result?.cached], ["hello", true]);

    for (const [afterSequence, rest] of [
      [1, [2, 3]],
      [2, [3]],
      [3, []],
    ] as const) {
      const seen: (number | undefined)[] = [];
      for await (const { event } of one.client.watch({ taskId: id, agentId: "alice", afterSequence })) {
        seen.push(event?.sequence);
      }
      assert.deepEqual(seen, rest, "a watcher that reconnects misses nothing");
    }

    const events = await world.redis.client.xrange(queueKeys(0).events, "-", "+");
    const heard = events.map(([, fields]) =>
      Object.fromEntries(fields.flatMap((f, i) => (i % 2 ? [] : [[f, fields[i + 1]]]))),
    );
    assert.deepEqual(
      heard.map(({ type }) => type),
      ["task.enqueued", "task.completed"],
    );
    assert.deepEqual(JSON.parse(heard[1]?.["data"] ?? ""), {
      engine: "claude-code",
      attempt: 0,
      model: "m-1",
      executorId: "",
      priority: "PRIORITY_NORMAL",
      queueWait: { seconds: "0", nanos: 0 },
    });
  });

  it("is run when it did not opt in, when any field is different, or when it is another agent's", async () => {
    const one = await inMemory();
    await enqueue(one.client, opted());
    await run(one);
    for (const [asked, agent] of [
      [spec(), "alice"],
      [opted({ prompt: "say hello!" }), "alice"],
      [opted({ model: "m-2" }), "alice"],
      [opted({ conversation: { id: "", fork: false } }), "alice"],
      [opted({ startTime: new Date(world.clock.now + 1_000) }), "alice"],
      [opted(), "bob"],
    ] as const) {
      assert.notEqual((await enqueue(one.client, asked, agent)).state, TaskState.SUCCEEDED);
    }
  });

  it("is answered from another agent's run where answers are shared", async () => {
    const one = await inMemory({ shared: true });
    await enqueue(one.client, opted());
    await run(one);
    assert.equal((await enqueue(one.client, opted(), "bob")).state, TaskState.SUCCEEDED);
  });

  it("is run when the answer is too old", async () => {
    const one = await inMemory();
    await enqueue(one.client, opted());
    await run(one);
    await eventually(async () => {
      const tooOld = opted({ cache: { maxAge: { seconds: 0n, nanos: 1_000_000 } } });
      assert.equal((await enqueue(one.client, tooOld)).state, TaskState.QUEUED);
    });
    const oldEnough = opted({ cache: { maxAge: { seconds: 60n, nanos: 0 } } });
    assert.equal((await enqueue(one.client, oldEnough)).state, TaskState.SUCCEEDED);
  });

  it("is run again after a failure, which is not an answer", async () => {
    const one = await inMemory();
    await enqueue(one.client, opted());
    const { leases } = await one.client.sync(syncRequest({ sequence: ++sequence, bootId: `boot-${sequence}` }));
    const { taskId = "", fence = 0n } = leases[0] ?? {};
    const error = { category: 7, message: "no", retryable: false, source: 1, retryAfter: undefined };
    await one.client.fail({ taskId, fence, error });
    assert.equal((await enqueue(one.client, opted())).state, TaskState.QUEUED);
  });

  it("is answered by another replica through Redis", async () => {
    const redis = () => createRedisLevel(world.redis.client, LEVEL, Date.now);
    const one = await replica([createMemoryLevel(LEVEL), redis()]);
    const two = await replica([createMemoryLevel(LEVEL), redis()]);
    await enqueue(one.client, opted());
    await run(one);
    assert.equal((await enqueue(two.client, opted())).state, TaskState.SUCCEEDED);
  });

  it("keeps the promise of its request id: the same call returns the same task", async () => {
    const one = await inMemory();
    await enqueue(one.client, opted());
    await run(one);
    const request = { agentId: "alice", requestId: "r-1", spec: opted() };
    const [first, again] = [await one.client.enqueue(request), await one.client.enqueue(request)];
    assert.equal(first.task?.state, TaskState.SUCCEEDED);
    assert.deepEqual(again, first);
  });

  it("is accepted, and run, when its cache fails or hangs", async () => {
    const broken: Level = {
      name: "disk",
      find: async () => Promise.reject(new Error("EIO")),
      put: async () => new Promise<never>(() => undefined),
    };
    const one = await replica([broken], { patienceMs: 250 });
    const { id } = await enqueue(one.client, opted());
    assert.deepEqual(await run(one), [id]);
    assert.equal((await enqueue(one.client, opted())).state, TaskState.QUEUED);
  });
});
