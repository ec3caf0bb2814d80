import assert from "node:assert/strict";
import { decodeEvent, eventsKey } from "@ccsp/events";
import type { RunResponse } from "@ccsp/protos/ccsp/queue/v1/submission.js";
import { BlockerKind } from "@ccsp/protos/ccsp/task/v1/explanation.js";
import {
  ErrorCategory,
  Priority,
  TaskError,
  type TaskEvent,
  TaskEvent as TaskEvents,
  TaskState,
} from "@ccsp/protos/ccsp/task/v1/task.js";
import { WindowState } from "@ccsp/protos/ccsp/usage/v1/window.js";
import { eventually } from "@ccsp/testkit";
import { status } from "@grpc/grpc-js";
import { reap } from "../src/domain/due/reaper.js";
import { type QueueClient, refused, result, serveReplica, spec, syncRequest } from "./grpc-world.js";
import { TOPOLOGIES } from "./topologies.js";
import { newTask, startWorld, type World } from "./world.js";

const textDelta = (text: string): TaskEvent => ({
  ...TaskEvents.fromPartial({}),
  event: { $case: "textDelta", value: { text, message: 1 } },
});

for (const { kind, start } of TOPOLOGIES) {
  describe(`QueueService over gRPC, on ${kind}`, () => {
    let server: Awaited<ReturnType<typeof start>>;
    before(async () => void (server = await start()));
    after(() => server?.stop());
    const whole = kind === "a single Redis";
    for (const shards of whole ? [1, 4] : [4]) {
      describe(`with ${shards} shards`, () => contract(() => server, shards, whole ? it : () => {}));
    }
  });
}

/**
 * A kind of Redis can break what depends on connections, keys of several shards, wake-ups and large values. So the cases
 * `onEachKind` run on each kind, and the others, by `it`, on a single Redis only.
 */
function contract(
  server: () => { url: string; stop(): Promise<void> },
  shards: number,
  it: (title: string, test: () => Promise<void>) => void,
): void {
  const onEachKind = globalThis.it;
  let world: World;
  let replica: Awaited<ReturnType<typeof serveReplica>>;
  let client: QueueClient;
  before(async () => {
    world = await startWorld({ server: server(), shards });
    replica = await serveReplica(world);
    client = replica.client;
  });
  after(async () => {
    await replica.close();
    await world.close();
  });
  beforeEach(() => world.reset());

  const enqueue = async (more: Parameters<typeof spec>[0] = {}, requestId = "") => {
    const { task } = await client.enqueue({ agentId: "alice", spec: spec(more), requestId });
    assert.ok(task);
    return task;
  };
  const lease = async (more: Parameters<typeof syncRequest>[0] = {}) => {
    const { leases } = await client.sync(syncRequest(more));
    assert.ok(leases[0]);
    return leases[0];
  };
  const watch = async (taskId: string, afterSequence = 0, agentId = "alice"): Promise<TaskEvent[]> => {
    const seen: TaskEvent[] = [];
    for await (const { event } of client.watch({ taskId, agentId, afterSequence })) if (event) seen.push(event);
    return seen;
  };
  const events = async () => {
    const ofShard = async (shard: number) => {
      const entries = await world.redis.client.xrange(eventsKey(shard), "-", "+");
      return entries.map(([id, fields]) => decodeEvent(shard, id, fields));
    };
    return (await Promise.all(Array.from({ length: shards }, (_, shard) => ofShard(shard)))).flat();
  };

  const eventTypes = async (taskId: string) =>
    (await events()).flatMap((event) => (event?.taskId === taskId ? [event.data?.$case] : []));
  /** Makes the changes that time alone brings. */
  const tick = () => reap(world, { retentionMs: 1e9, maxEnded: 1_000, maxEndedBytes: 1e12 });
  const statesOf = (log: readonly TaskEvent[]) =>
    log.flatMap(({ event }) =>
      event?.$case === "stateChanged" || event?.$case === "taskEnded" ? [event.value.state] : [],
    );

  onEachKind("takes a task from its acceptance to its result, and notifies watchers and other services", async () => {
    const created = await enqueue({ priority: Priority.HIGH, labels: { b: "2", a: "1" }, systemPrompt: "be brief" });
    assert.equal(created.state, TaskState.QUEUED);
    assert.deepEqual(
      [created.spec?.engine, created.spec?.prompt, created.spec?.maxAttempts],
      ["claude-code", "say hello", 3],
    );

    world.clock.now += 1_500;
    const { taskId, fence, spec: leased, attempt, expireTime } = await lease();
    assert.deepEqual([taskId, attempt, leased?.prompt, leased?.systemPrompt], [created.id, 1, "say hello", "be brief"]);
    assert.equal(expireTime?.getTime(), world.clock.now + 30_000);
    const started = { traceparent: "" };
    await client.report({ taskId, fence, reportSequence: 1, started, events: [textDelta("hel")] });
    await client.report({ taskId, fence, reportSequence: 2, events: [textDelta("lo 日本語 🎉")] });
    await client.complete({ taskId, fence, result: result() });

    const { task } = await client.get({ taskId, agentId: "alice" });
    assert.equal(task?.state, TaskState.SUCCEEDED);
    assert.equal(task.result?.text, "hello");
    assert.deepEqual(task.result.queueWait, { seconds: 1n, nanos: 500_000_000 });
    assert.equal(task.result.executorId, "ex-1");

    const log = await watch(taskId);
    assert.deepEqual(
      log.map((event) => event.sequence),
      [1, 2, 3, 4, 5],
    );
    assert.deepEqual(
      log.map((event) => event.attempt),
      [0, 1, 1, 1, 1],
    );
    const states = log.map(({ event }) =>
      event?.$case === "textDelta"
        ? event.value.text
        : event?.$case === "stateChanged" || event?.$case === "taskEnded"
          ? event.value.state
          : "",
    );
    assert.deepEqual(states, [TaskState.QUEUED, TaskState.RUNNING, "hel", "lo 日本語 🎉", TaskState.SUCCEEDED]);
    const end = log.at(-1)?.event;
    assert.ok(end?.$case === "taskEnded" && end.value.result?.text === "hello" && end.value.error === undefined);

    const told = await events();
    assert.deepEqual(
      told.map((event) => [event?.data?.$case, event?.taskId, event?.agentId]),
      [
        ["taskEnqueued", taskId, "alice"],
        ["taskStarted", taskId, "alice"],
        ["taskCompleted", taskId, "alice"],
      ],
    );
    const [enqueued, begun, completed] = told.map((event) => event?.data);
    assert.deepEqual(enqueued?.value, { engine: "claude-code", priority: Priority.HIGH });
    assert.deepEqual(begun?.value, { engine: "claude-code", attempt: 1, executorId: "ex-1" });
    assert.deepEqual(completed?.value, {
      engine: "claude-code",
      model: "m-1",
      attempt: 1,
      executorId: "ex-1",
      usage: result().usage,
      costUsd: 0.25,
      runTime: undefined,
      queueWait: { seconds: 1n, nanos: 500_000_000 },
      account: "",
      priority: Priority.HIGH,
      labels: { a: "1", b: "2" },
      windows: [],
    });
  });

  it("passes the context of the acceptance on to the lease, and that of the run to the next one", async () => {
    const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const { task: stored } = await world.queue.enqueue(newTask({ trace, prompts: Buffer.alloc(0) }, shards));
    const { task } = await client.get({ taskId: stored.id, agentId: "alice" });
    assert.equal(task?.traceId, "0af7651916cd43dd8448eb211c80319c");
    const first = await lease();
    assert.match(first.traceparent, /^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
    assert.equal(first.previousTraceparent, "");
    const call = { taskId: first.taskId, fence: first.fence };
    const run = trace.replace("b7ad", "c8be");
    await client.report({ ...call, reportSequence: 1, started: { traceparent: run } });
    await client.release({ ...call, reason: "draining" });
    const second = await lease({ sequence: 2n });
    assert.equal(second.previousTraceparent, run);
    const started = { traceparent: "x".repeat(10_000) };
    await client.report({ taskId: second.taskId, fence: second.fence, reportSequence: 1, started });
    await client.release({ taskId: second.taskId, fence: second.fence, reason: "" });
    assert.equal((await lease({ sequence: 3n })).previousTraceparent, "", "an invalid context is dropped");
  });

  onEachKind("answers a failure with the next state, and shows it to watchers and other services", async () => {
    const { id: taskId } = await enqueue({ maxAttempts: 2, model: "m-2" });
    const error: TaskError = {
      ...TaskError.fromPartial({ category: ErrorCategory.NETWORK_ERROR, message: "no route", retryable: true }),
    };
    const first = await lease();
    const usage = { inputTokens: 5n, outputTokens: 0n, cacheReadTokens: 0n, cacheCreationTokens: 0n };
    const { state } = await client.fail({ taskId, fence: first.fence, error, usage, costUsd: 0.5 });
    assert.equal(state, TaskState.PARKED);
    const { task } = await client.get({ taskId, agentId: "alice" });
    assert.equal(task?.readyTime?.getTime(), world.clock.now + 1_000);
    assert.equal(task.error?.message, "no route");

    const [, retried] = await events();
    const about = { model: "m-2", account: "", priority: Priority.NORMAL, labels: {}, windows: [] };
    assert.deepEqual(retried?.data, {
      $case: "taskRetried",
      value: { engine: "claude-code", attempt: 0, error, readyTime: task.readyTime, usage, costUsd: 0.5, ...about },
    });
  });

  it("retries a task after a failure, even if its retry settings name only categories of a newer version", async () => {
    await enqueue({ retry: { firstBackoff: undefined, maxBackoff: undefined, neverOn: [999 as ErrorCategory] } });
    const { taskId, fence } = await lease();
    const started = { traceparent: "" };
    await client.report({ taskId, fence, reportSequence: 1, started });
    const error = TaskError.fromPartial({ category: ErrorCategory.NETWORK_ERROR, retryable: true });
    assert.equal((await client.fail({ taskId, fence, error })).state, TaskState.PARKED);
  });

  it("names every wrong field of a task and stores nothing", async () => {
    const wrong = spec({
      prompt: "",
      priority: 9 as Priority,
      model: "m".repeat(129),
      maxAttempts: 11,
      labels: { "Not Ok": "x", ok: "v".repeat(257) },
      limits: { wallTime: { seconds: -1n, nanos: 0 }, outputBytes: -1n, turns: -1, budgetUsd: Number.NaN },
    });
    const call = client.enqueue({ agentId: "no spaces", requestId: "é", spec: wrong });
    const { fields } = await refused(call, status.INVALID_ARGUMENT, "INVALID_FIELD");
    assert.deepEqual(
      fields.map(({ field }) => field),
      [
        "agent_id",
        "request_id",
        "spec.prompt",
        "spec.priority",
        "spec.model",
        "spec.max_attempts",
        "spec.labels[Not Ok]",
        "spec.labels[ok]",
        "spec.limits.wall_time",
        "spec.limits.output_bytes",
        "spec.limits.turns",
        "spec.limits.budget_usd",
      ],
    );
    await refused(client.enqueue({ agentId: "a", spec: undefined }), status.INVALID_ARGUMENT, "INVALID_FIELD");
    assert.deepEqual(await world.keys(), []);
  });

  it("knows the engines of its installation", async () => {
    const call = client.enqueue({ agentId: "alice", spec: spec({ engine: "nope" }) });
    const { fields } = await refused(call, status.INVALID_ARGUMENT, "ENGINE_UNKNOWN");
    assert.deepEqual(
      fields.map(({ field }) => field),
      ["spec.engine"],
    );
  });

  it("answers Enqueue with the same task as Get, with defaults filled in", async () => {
    const asked = { systemPrompt: "Be brief.", labels: { team: "b", app: "a" }, priority: Priority.UNSPECIFIED };
    const task = await enqueue({ ...asked, engine: "", maxAttempts: 0, startTime: new Date(1_000) }, "asked once");
    const again = await enqueue({ ...asked, engine: "", maxAttempts: 0, startTime: new Date(1_000) }, "asked once");
    const { task: found } = await client.get({ taskId: task.id, agentId: "alice" });
    assert.deepEqual([task, again], [found, found]);
    assert.equal(task.spec?.priority, Priority.NORMAL);
    assert.notEqual(task.spec?.engine, "");
  });

  it("answers a repeated request id with the first task, and another payload with ALREADY_EXISTS", async () => {
    const first = await enqueue({ labels: { a: "1", b: "2" } }, "r-1");
    assert.equal((await enqueue({ labels: { b: "2", a: "1" } }, "r-1")).id, first.id);
    const other = client.enqueue({ agentId: "alice", spec: spec({ prompt: "other" }), requestId: "r-1" });
    const { metadata } = await refused(other, status.ALREADY_EXISTS, "REQUEST_ID_CONFLICT");
    assert.equal(metadata.task_id, first.id);
    const { task } = await client.enqueue({ agentId: "bob", spec: spec(), requestId: "r-1" });
    assert.notEqual(task?.id, first.id, "another agent's request ids are separate");
  });

  onEachKind(
    "takes a task and streams its log in one call, and the same task and log when the call is repeated",
    async () => {
      const call = { agentId: "alice", spec: spec(), requestId: "r-1" };
      const read = async (stream: AsyncIterable<RunResponse>) => {
        const seen: (string | TaskState)[] = [];
        for await (const { task, event: entry } of stream) {
          const event = entry?.event;
          if (task) seen.push(task.id);
          if (event) seen.push(event.$case === "stateChanged" || event.$case === "taskEnded" ? event.value.state : "");
          if (event?.$case === "stateChanged" && event.value.state === TaskState.QUEUED) ready();
          if (event?.$case === "taskEnded") assert.equal(event.value.result?.text, "hello");
        }
        return seen;
      };
      let ready = (): void => undefined;
      const queued = new Promise<void>((resolve) => void (ready = resolve));
      const running = read(client.run(call));
      await queued;
      const { taskId, fence } = await lease();
      await client.report({ taskId, fence, reportSequence: 1, started: { traceparent: "" } });
      await client.complete({ taskId, fence, result: result() });
      const seen = [taskId, TaskState.QUEUED, TaskState.RUNNING, TaskState.SUCCEEDED];
      assert.deepEqual(await running, seen);
      assert.deepEqual(await read(client.run(call)), seen);
      assert.deepEqual(await eventTypes(taskId), ["taskEnqueued", "taskStarted", "taskCompleted"]);

      const conflict = read(client.run({ ...call, spec: spec({ prompt: "other" }) }));
      await refused(conflict, status.ALREADY_EXISTS, "REQUEST_ID_CONFLICT");
      await refused(
        read(client.run({ ...call, spec: spec({ prompt: "" }) })),
        status.INVALID_ARGUMENT,
        "INVALID_FIELD",
      );
    },
  );

  onEachKind("answers each task of a batch separately, and in the same way when the batch is repeated", async () => {
    const items = [
      { spec: spec(), requestId: "b-1" },
      { spec: spec({ prompt: "" }), requestId: "b-2" },
      { spec: spec({ engine: "opencode", prompt: "two" }), requestId: "b-3" },
      { spec: spec({ prompt: "another" }), requestId: "b-1" },
      { spec: spec({ engine: "none" }), requestId: "" },
    ];
    const { outcomes } = await client.enqueueBatch({ agentId: "alice", items });
    const words = outcomes.map(({ outcome }) => (outcome?.$case === "refused" ? outcome.value.reason : outcome?.$case));
    assert.deepEqual(words, ["taskId", "INVALID_FIELD", "taskId", "REQUEST_ID_CONFLICT", "ENGINE_UNKNOWN"]);
    assert.deepEqual((await client.enqueueBatch({ agentId: "alice", items })).outcomes, outcomes);
    const { tasks } = await client.list({ agentId: "alice", pageSize: 10, states: [], pageToken: "" });
    assert.equal(tasks.length, 2);
  });

  it("lists the beginning of each prompt for a caller who asks, and for no one else", async () => {
    const prompts = ["  first\nline ", "x".repeat(200_000), ...Array.from({ length: 20 }, (_, i) => `prompt ${i}`)];
    for (const prompt of prompts) await client.enqueue({ agentId: "alice", spec: spec({ prompt }), requestId: "" });
    const snippets = async (agentId: string, promptSnippets: boolean) => {
      const { tasks } = await client.list({ agentId, pageSize: 50, promptSnippets });
      assert.ok(tasks.every((task) => task.spec?.prompt === ""));
      return tasks.map(({ promptSnippet }) => promptSnippet).toReversed();
    };
    const starts = ["first line", "x".repeat(100), ...prompts.slice(2)];
    assert.deepEqual([await snippets("alice", true), await snippets("", true)], [starts, starts]);
    const none = prompts.map(() => "");
    assert.deepEqual([await snippets("alice", false), await snippets("", false)], [none, none]);
  });

  it("accepts a thousand tasks in one batch, and refuses one more and none", async () => {
    const batch = (count: number) =>
      client.enqueueBatch({
        agentId: "alice",
        items: Array.from({ length: count }, () => ({ spec: spec(), requestId: "" })),
      });
    const { outcomes } = await batch(1_000);
    const ids = outcomes.map(({ outcome }) => (outcome?.$case === "taskId" ? outcome.value : ""));
    assert.deepEqual(ids.toSorted(), ids, "oldest first");
    assert.equal(new Set(ids).size, 1_000);
    for (const count of [0, 1_001]) {
      await refused(batch(count), status.INVALID_ARGUMENT, "INVALID_FIELD");
      // This is the name that the agent knows. The gateway passes it on.
      await assert.rejects(batch(count), /^CallError: .*tasks has \d+, not 1 to 1000/);
    }
  });

  it("holds a task until its start time, and counts its age from then", async () => {
    const startTime = new Date(world.clock.now + 60_000);
    const created = await enqueue({ startTime, priority: Priority.HIGH });
    assert.deepEqual([created.state, created.readyTime], [TaskState.SCHEDULED, startTime]);
    world.clock.now += 59_000;
    const next = await enqueue({ priority: Priority.HIGH });
    await tick();
    assert.equal((await client.getStatus({})).scheduled, 1n);
    world.clock.now += 1_000;
    await tick();
    assert.deepEqual((await client.getStatus({})).scheduled, 0n);
    const { leases } = await client.sync(
      syncRequest({ engines: [{ engine: "claude-code", freeSlots: 2, version: "", account: "", slots: 0 }] }),
    );
    assert.deepEqual(
      leases.map(({ taskId }) => taskId),
      [next.id, created.id],
    );
    const log = (await client.get({ taskId: created.id, agentId: "alice" })).task;
    assert.equal(log?.readyTime, undefined);
    await client.complete({ taskId: created.id, fence: leases[1]?.fence ?? 0n, result: result() });
    assert.deepEqual(statesOf(await watch(created.id)), [TaskState.SCHEDULED, TaskState.QUEUED, TaskState.SUCCEEDED]);
  });

  onEachKind("ends a task whose first run did not start by its deadline, and publishes this", async () => {
    const late = await enqueue({ startDeadline: new Date(world.clock.now + 1_000) });
    const inTime = await enqueue({ startDeadline: new Date(world.clock.now + 1_000), priority: Priority.HIGH });
    const { taskId, fence } = await lease();
    assert.equal(taskId, inTime.id);
    world.clock.now += 1_000;
    await tick();
    const { task } = await client.get({ taskId: late.id, agentId: "alice" });
    assert.deepEqual([task?.state, task?.error?.category], [TaskState.EXPIRED, ErrorCategory.TIMEOUT]);
    assert.equal((await watch(late.id)).at(-1)?.event?.$case, "taskEnded");
    assert.deepEqual(await eventTypes(late.id), ["taskEnqueued", "taskExpired"]);

    // The task did start. So it does not expire when it waits again.
    await client.report({
      taskId,
      fence,
      reportSequence: 1,
      started: { traceparent: "" },
      events: [],
    });
    await client.release({ taskId, fence, reason: "r".repeat(300) });
    await tick();
    assert.equal((await client.get({ taskId, agentId: "alice" })).task?.state, TaskState.QUEUED);
  });

  it("shows what a run under way has used so far, in lists too, and only while it is under way", async () => {
    const { id } = await enqueue();
    const { taskId, fence } = await lease();
    const usage = { inputTokens: 2n ** 60n, outputTokens: 2n, cacheReadTokens: 0n, cacheCreationTokens: 4n };
    const used = (turns: number) => ({ usage, costUsd: 0.1 + 0.2, turns, toolUses: 1, model: "m" });
    const report = (reportSequence: number, turns: number) => {
      const event = { ...textDelta("a"), event: { $case: "usageSoFar" as const, value: used(turns) } };
      const started = reportSequence === 1 ? { traceparent: "" } : undefined;
      return client.report({ taskId, fence, reportSequence, started, events: [event, textDelta("a")] });
    };
    const shown = async () => {
      const { task } = await client.get({ taskId, agentId: "alice" });
      const { tasks } = await client.list({ agentId: "alice" });
      const listed = tasks.find((each) => each.id === id);
      assert.deepEqual(listed?.usageSoFar, task?.usageSoFar);
      return task?.usageSoFar;
    };
    assert.equal(await shown(), undefined);
    await report(1, 1);
    assert.deepEqual(await shown(), used(1));
    await report(2, 7);
    assert.deepEqual(await shown(), used(7));
    await client.release({ taskId, fence, reason: "" });
    assert.equal(await shown(), undefined);
    const again = await lease();
    await client.report({ ...again, reportSequence: 1, started: { traceparent: "" } });
    assert.equal(await shown(), undefined);
    await client.release({ taskId, fence: again.fence, reason: "" });
  });

  it("shows an agent only its own tasks", async () => {
    const { id: taskId } = await enqueue();
    await refused(client.get({ taskId, agentId: "bob" }), status.NOT_FOUND, "TASK_NOT_FOUND");
    await refused(client.cancel({ taskId, agentId: "bob" }), status.NOT_FOUND, "TASK_NOT_FOUND");
    await refused(watch(taskId, 0, "bob"), status.NOT_FOUND, "TASK_NOT_FOUND");
    await refused(client.get({ taskId: "../tasks", agentId: "alice" }), status.NOT_FOUND, "TASK_NOT_FOUND");
    assert.deepEqual((await client.list({ agentId: "bob" })).tasks, []);
  });

  it("lets an operator, who names no agent, see, watch, cancel and put back tasks of any agent", async () => {
    const { id: taskId } = await enqueue();
    assert.equal((await client.get({ taskId, agentId: "" })).task?.agentId, "alice");
    assert.equal((await client.explainTask({ taskId, agentId: "" })).state, TaskState.QUEUED);
    assert.equal((await client.cancel({ taskId, agentId: "" })).task?.state, TaskState.CANCELLED);
    assert.deepEqual(statesOf(await watch(taskId, 0, "")), [TaskState.QUEUED, TaskState.CANCELLED]);
    await refused(client.retryTask({ taskId, agentId: "" }), status.FAILED_PRECONDITION, "TASK_NOT_FAILED");
    const unknown = `${taskId.slice(0, -1)}${taskId.endsWith("0") ? "1" : "0"}`;
    for (const call of [client.get({ taskId: unknown }), client.cancel({ taskId: unknown }), watch(unknown, 0, "")]) {
      await refused(call, status.NOT_FOUND, "TASK_NOT_FOUND");
    }
  });

  onEachKind("lists newest first, in pages, without prompts", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.push((await enqueue({ labels: { i: String(i) } })).id);
    await client.enqueue({ agentId: "alic", spec: spec() });
    const seen: string[] = [];
    let pageToken = "";
    let pages = 0;
    do {
      const page = await client.list({ agentId: "alice", pageSize: 2, pageToken });
      for (const task of page.tasks) {
        seen.push(task.id);
        assert.equal(task.spec?.prompt, "");
        assert.ok(task.spec.labels.i);
      }
      pageToken = page.nextPageToken;
      pages++;
    } while (pageToken !== "");
    assert.deepEqual(seen, ids.toReversed());
    assert.equal(pages, 3);
    await client.cancel({ taskId: ids[2] ?? "", agentId: "alice", reason: "" });
    const cancelled = await client.list({ agentId: "alice", states: [TaskState.CANCELLED] });
    assert.deepEqual(
      cancelled.tasks.map(({ id }) => id),
      [ids[2]],
    );
    await refused(client.list({ agentId: "alice", pageSize: 501 }), status.INVALID_ARGUMENT, "INVALID_FIELD");
    await refused(client.list({ agentId: "alice", pageToken: "zzz" }), status.INVALID_ARGUMENT, "INVALID_FIELD");
  });

  it("answers FAILED_PRECONDITION with reason LEASE_LOST when another executor got the lease", async () => {
    const { id: taskId } = await enqueue();
    const fence = 7n;
    const error = TaskError.fromPartial({ category: ErrorCategory.ENGINE_CRASH });
    for (const id of [taskId, "0-nothing", ""]) {
      const call = { taskId: id, fence };
      await refused(client.report({ ...call, reportSequence: 1 }), status.FAILED_PRECONDITION, "LEASE_LOST");
      await refused(client.complete({ ...call, result: result() }), status.FAILED_PRECONDITION, "LEASE_LOST");
      await refused(client.fail({ ...call, error }), status.FAILED_PRECONDITION, "LEASE_LOST");
      await refused(client.release({ ...call, reason: "" }), status.FAILED_PRECONDITION, "LEASE_LOST");
    }
  });

  it("refuses entries that only the queue may write, and ignores unknown ones", async () => {
    const own = (["stateChanged", "taskEnded"] as const).map((kind) =>
      TaskEvents.fromPartial({ event: { $case: kind, value: {} } }),
    );
    const call = client.report({
      taskId: "0-x",
      fence: 1n,
      reportSequence: 0,
      events: [...own, TaskEvents.fromPartial({})],
    });
    const { fields } = await refused(call, status.INVALID_ARGUMENT, "INVALID_FIELD");
    assert.deepEqual(
      fields.map(({ field }) => field),
      ["report_sequence", "events[0]", "events[1]"],
    );
  });

  it("refuses a malformed Sync", async () => {
    const call = client.sync(
      syncRequest({ executorId: "a/b", bootId: "", sequence: 0n, maxWait: { seconds: -1n, nanos: 0 } }),
    );
    const { fields } = await refused(call, status.INVALID_ARGUMENT, "INVALID_FIELD");
    assert.deepEqual(
      fields.map(({ field }) => field),
      ["executor_id", "boot_id", "sequence", "max_wait"],
    );
  });

  it("refuses an engine that one Sync offers twice, so no answer has a lease twice", async () => {
    await enqueue();
    const offer = { engine: "claude-code", freeSlots: 1, version: "", account: "", slots: 0 };
    const call = client.sync(syncRequest({ engines: [offer, offer] }));
    const error = await refused(call, status.INVALID_ARGUMENT, "INVALID_FIELD");
    assert.deepEqual(
      error.fields.map(({ field }) => field),
      ["engines[1].engine"],
    );
  });

  it("grants at most as many leases as a Sync may name", async () => {
    await Promise.all(
      Array.from({ length: 1_001 }, () => world.store.enqueue(newTask({ prompts: Buffer.alloc(0) }, shards))),
    );
    const engines = [{ engine: "claude-code", freeSlots: 2_000, version: "", account: "", slots: 0 }];
    const { leases } = await client.sync(syncRequest({ engines }));
    assert.equal(leases.length, 1_000);
    const held = leases.map(({ taskId, fence }) => ({ taskId, fence }));
    const next = await client.sync(syncRequest({ sequence: 2n, leases: held, engines }));
    assert.deepEqual([next.leases, next.lostTaskIds], [[], []]);
  });

  it("answers ABORTED with reason SYNC_STALE to a Sync that is not the newest", async () => {
    await client.sync(syncRequest({ sequence: 5n }));
    await refused(client.sync(syncRequest({ sequence: 4n })), status.ABORTED, "SYNC_STALE");
  });

  it("refuses the sequence of a Sync when it is too large to be counted exactly", async () => {
    await refused(client.sync(syncRequest({ sequence: 2n ** 53n })), status.INVALID_ARGUMENT, "INVALID_FIELD");
  });

  it("names no address of an executor of an earlier release, and refuses what is not an address", async () => {
    await client.sync(syncRequest({ address: "" }));
    assert.equal((await client.getStatus({})).executors[0]?.address, "");
    await client.sync(syncRequest({ sequence: 2n, address: "[fd00::7]:3002" }));
    assert.equal((await client.getStatus({})).executors[0]?.address, "[fd00::7]:3002");
    for (const address of ["executor", "executor:0", `${"x".repeat(300)}:1`, "http://a:1/", "a:1,b:2"]) {
      const { fields } = await refused(client.sync(syncRequest({ address })), status.INVALID_ARGUMENT, "INVALID_FIELD");
      assert.deepEqual(fields, [{ field: "address", description: "must be host:port, or empty" }]);
    }
  });

  it("counts waiting and running tasks, and names engines and executors", async () => {
    await enqueue({ priority: Priority.URGENT });
    await enqueue({ engine: "opencode" });
    world.clock.now += 2_000;
    await lease();
    const answer = await client.getStatus({});
    const waiting = answer.depths.filter((depth) => depth.waiting > 0n);
    const opencode = {
      engine: "opencode",
      priority: Priority.NORMAL,
      waiting: 1n,
      oldestAge: { seconds: 2n, nanos: 0 },
    };
    assert.deepEqual(waiting, [{ ...opencode, running: 0n, parked: 0n, paused: false }]);
    assert.equal(answer.depths.length, 8);
    assert.deepEqual([answer.leased, answer.parked, answer.ended], [1n, 0n, 0n]);
    assert.deepEqual(answer.engines, ["claude-code", "opencode"]);
    const lastSyncTime = new Date(world.clock.now);
    const engines = [{ engine: "claude-code", freeSlots: 1, slots: 1, account: "", version: "1.0" }];
    const address = "127.0.0.1:3002";
    const ex1 = { executorId: "ex-1", leases: 1, lastSyncTime, draining: false, engines, address, slotChanges: [] };
    assert.deepEqual(answer.executors, [ex1]);
    assert.equal(answer.maxPromptBytes, 1_048_576n);
  });

  it("explains what blocks a task, and estimates a start from the time of a run", async () => {
    await enqueue();
    const { taskId, fence } = await lease();
    const { id: waits } = await enqueue();
    const runTime = { seconds: 30n, nanos: 0 };
    const full = await client.explainTask({ taskId: waits, agentId: "alice" });
    assert.deepEqual(
      full.blockers.map(({ kind }) => kind),
      [BlockerKind.NO_SLOT],
    );
    assert.deepEqual([full.state, full.aheadInClass, full.estimate], [TaskState.QUEUED, 0n, undefined]);
    await client.complete({ taskId, fence, result: result({ runTime }) });
    await eventually(async () => {
      const { start, runTime: learned } = await client.estimateTask({ agentId: "alice", spec: spec({ prompt: "" }) });
      assert.deepEqual([start?.p50, learned?.p90], [runTime, runTime], "the waiting task has its turn first");
    });
    const { blockers, estimate } = await client.explainTask({ taskId: waits, agentId: "" });
    assert.deepEqual([blockers, estimate?.p95], [[], { seconds: 0n, nanos: 0 }]);
    await refused(client.explainTask({ taskId: waits, agentId: "bob" }), status.NOT_FOUND, "TASK_NOT_FOUND");
  });

  it("opens the gate of an account on a ramp of 0 to 1 hour, and shows it; refuses a ramp where few tasks wait", async () => {
    const scope = { scope: { $case: "account" as const, value: { engine: "claude-code", account: "team" } } };
    const label = { scope: { $case: "label" as const, value: "repo=a/b" } };
    const asked = { scope, who: "ada", why: "renewed" };
    for (const wrong of [
      { ...asked, ramp: { seconds: 3_601n, nanos: 0 } },
      { ...asked, ramp: { seconds: -1n, nanos: 0 } },
      { ...asked, scope: label, ramp: { seconds: 60n, nanos: 0 } },
    ]) {
      await refused(client.resumeQueue(wrong), status.INVALID_ARGUMENT, "INVALID_FIELD");
    }
    await client.pauseQueue({ scope, who: "ada", why: "release" });
    assert.deepEqual(await client.resumeQueue({ ...asked, ramp: { seconds: 60n, nanos: 0 } }), { resumed: true });
    const { gates } = await client.getStatus({});
    assert.deepEqual(
      gates.map(({ rampEndTime }) => rampEndTime),
      [new Date(world.clock.now + 60_000)],
    );
    world.clock.now += 60_000;
  });

  onEachKind("closes a gate, shows it in the status and opens it", async () => {
    const scope = { scope: { $case: "label" as const, value: "repo=a/b" } };
    const until = new Date(world.clock.now + 60_000);
    const { gate } = await client.pauseQueue({ scope, who: "ada", why: "release", until });
    const closeTime = new Date(world.clock.now);
    const open = { openTime: until, rampEndTime: undefined, budgets: [] };
    assert.deepEqual(gate, { scope, who: "ada", why: "release", closeTime, ...open });
    assert.deepEqual((await client.getStatus({})).gates, [gate]);
    await enqueue({ labels: { repo: "a/b" } });
    assert.deepEqual((await client.sync(syncRequest())).leases, []);
    assert.deepEqual(await client.resumeQueue({ scope, who: "ada" }), { resumed: true });
    assert.deepEqual(await client.resumeQueue({ scope, who: "ada" }), { resumed: false });
    assert.deepEqual((await client.getStatus({})).gates, []);
    assert.deepEqual(
      (await events()).flatMap((event) => (event?.data?.$case.startsWith("gate") ? [event.data.value] : [])),
      [
        { scope: "label/repo=a/b", who: "ada", why: "release", openTime: until },
        { scope: "label/repo=a/b", who: "ada", why: "" },
      ],
    );
  });

  onEachKind("grants no task of a login whose provider has just said that its window is closed", async () => {
    const task = await enqueue();
    const resetTime = new Date(world.clock.now + 60_000);
    const window = { name: "five_hour", state: WindowState.CLOSED, resetTime, usedShare: 1, length: undefined };
    const open = { ...window, name: "seven_day", state: WindowState.OPEN };
    const login = { engine: "claude-code", account: "" };
    const invalid = { ...window, name: "no name" };
    const windows = [
      { ...login, windows: [open, window, invalid] },
      { ...login, account: "not-offered", windows: [window] },
    ];
    assert.deepEqual((await client.sync(syncRequest({ windows }))).leases, []);
    const { gates } = await client.getStatus({});
    assert.deepEqual(
      gates.map(({ who, why, openTime }) => [who, why, openTime]),
      [["ccsp", "the usage window of the login of claude-code is closed", new Date(world.clock.now + 90_000)]],
    );
    assert.deepEqual(
      (await events()).flatMap((event) => (event?.data?.$case === "usageWindows" ? [event.data.value] : [])),
      [{ ...login, windows: [open, window] }],
    );
    world.clock.now += 90_001;
    await tick();
    assert.equal((await lease({ sequence: 2n })).taskId, task.id);
  });

  it("opens a gate after a time by its own clock, whatever the caller's clock shows", async () => {
    const scope = { scope: { $case: "engine" as const, value: "claude-code" } };
    const asked = { scope, who: "ada", why: "release", until: new Date(world.clock.now - 3_600_000) };
    const { gate } = await client.pauseQueue({ ...asked, openAfter: { seconds: 60n, nanos: 0 } });
    assert.deepEqual(gate?.openTime, new Date(world.clock.now + 60_000));
    const none = client.pauseQueue({ ...asked, openAfter: { seconds: 0n, nanos: 0 } });
    const { fields } = await refused(none, status.INVALID_ARGUMENT, "INVALID_FIELD");
    assert.deepEqual(
      fields.map(({ field }) => field),
      ["open_after"],
    );
  });

  it("tells an executor the duration of its leases and the time, whatever the executor's clock shows", async () => {
    await enqueue();
    const { leases, leaseLength, nextSync, time } = await client.sync(syncRequest());
    assert.equal(leases.length, 1);
    assert.deepEqual(
      [leaseLength, nextSync],
      [
        { seconds: 30n, nanos: 0 },
        { seconds: 10n, nanos: 0 },
      ],
    );
    assert.deepEqual(time, new Date(world.clock.now));
  });

  it("refuses a pause without a scope, a person or a reason, or with a time in the past, naming each", async () => {
    const none = client.pauseQueue({ until: new Date(world.clock.now - 1) });
    const { fields } = await refused(none, status.INVALID_ARGUMENT, "INVALID_FIELD");
    assert.deepEqual(
      fields.map(({ field }) => field),
      ["scope", "who", "why", "until"],
    );
    const emergency = { scope: { $case: "emergency" as const, value: true } };
    const call = client.pauseQueue({ scope: emergency, who: "a", why: "b" });
    await refused(call, status.INVALID_ARGUMENT, "INVALID_FIELD");
    for (const scope of [
      { $case: "engine" as const, value: "nothing" },
      { $case: "label" as const, value: "Not Ok=x" },
      { $case: "label" as const, value: `repo=${"v".repeat(257)}` },
    ]) {
      const pause = client.pauseQueue({ scope: { scope }, who: "a", why: "b" });
      await refused(pause, status.INVALID_ARGUMENT, "INVALID_FIELD");
    }
  });

  it("refuses to pause or to resume a model, which only budgets hold", async () => {
    const request = { scope: { scope: { $case: "model", value: "opus" } }, who: "a", why: "b" } as const;
    await refused(client.pauseQueue(request), status.INVALID_ARGUMENT, "INVALID_FIELD");
    await refused(client.resumeQueue(request), status.INVALID_ARGUMENT, "INVALID_FIELD");
  });

  it("puts a failed task back, whose log continues after its end, and refuses one that succeeded", async () => {
    const { id: taskId } = await enqueue({ maxAttempts: 1 });
    const first = await lease();
    const error = TaskError.fromPartial({ category: ErrorCategory.NETWORK_ERROR, message: "m", retryable: true });
    await client.fail({ taskId, fence: first.fence, error });
    const before = await watch(taskId);
    assert.equal(before.at(-1)?.event?.$case, "taskEnded");
    const { task } = await client.retryTask({ taskId, agentId: "alice", reason: "again" });
    assert.equal(task?.state, TaskState.QUEUED);
    const second = await lease({ sequence: 2n });
    await client.complete({ taskId, fence: second.fence, result: result() });
    const after = await watch(taskId, before.length);
    const states = after.map(
      ({ event }) => (event?.$case === "stateChanged" || event?.$case === "taskEnded") && event.value.state,
    );
    assert.deepEqual(states, [TaskState.QUEUED, TaskState.SUCCEEDED]);
    assert.deepEqual(await watch(taskId), [...before, ...after]);
    await refused(client.retryTask({ taskId, agentId: "alice" }), status.FAILED_PRECONDITION, "TASK_NOT_FAILED");
    await refused(client.retryTask({ taskId, agentId: "bob" }), status.NOT_FOUND, "TASK_NOT_FOUND");
  });

  it("changes the class of a waiting task, and records it in its log", async () => {
    const { id: taskId } = await enqueue({ priority: Priority.LOW });
    const { task } = await client.setPriority({ taskId, agentId: "alice", priority: Priority.URGENT });
    assert.equal(task?.spec?.priority, Priority.URGENT);
    const { depths } = await client.getStatus({});
    assert.equal(depths.find(({ waiting }) => waiting > 0n)?.priority, Priority.URGENT);
    await refused(client.setPriority({ taskId, agentId: "alice" }), status.INVALID_ARGUMENT, "INVALID_FIELD");
    await client.cancel({ taskId, agentId: "alice" });
    const [, changed] = await watch(taskId);
    assert.ok(changed?.event?.$case === "stateChanged");
    assert.equal(changed.event.value.reason, "priority changed from low to urgent");
  });

  onEachKind("keeps a 10 MiB result whole", async () => {
    await enqueue();
    const { taskId, fence } = await lease();
    const text = "語".repeat(3_500_000);
    await client.complete({ taskId, fence, result: result({ text }) });
    const end = (await watch(taskId)).at(-1)?.event;
    assert.ok(end?.$case === "taskEnded" && end.value.result?.text === text);
  });
}
