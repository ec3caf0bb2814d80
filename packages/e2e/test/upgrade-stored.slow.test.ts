import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { decodeEvent, eventsKey } from "@ccsp/events";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { createClient } from "@ccsp/grpc-kit";
import { CompleteRequest, FailRequest } from "@ccsp/protos/ccsp/queue/v1/attempt.js";
import { EmergencyLevel } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { EnqueueRequest } from "@ccsp/protos/ccsp/queue/v1/submission.js";
import { SyncRequest } from "@ccsp/protos/ccsp/queue/v1/sync.js";
import { CancelTasksRequest } from "@ccsp/protos/ccsp/queue/v1/task_changes.js";
import { ListRequest } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { ErrorCategory, Priority, type Task, TaskEvent, TaskSpec, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually, type ServiceProcess, startServiceProcess } from "@ccsp/testkit";
import { Redis } from "ioredis";
import { loadClient, RELEASE, restoreStored, type Stored } from "../src/earlier-release.js";

const QUEUE = fileURLToPath(new URL("../../../services/queue", import.meta.url));
const ENGINE = "claude-code";
const HOUR_MS = 3_600_000;

type QueueClient = ReturnType<typeof createClient<typeof QueueServiceService>> & { close(): void };

describe(`data that release ${RELEASE} stored, in today's queue`, function () {
  this.timeout(60_000);
  let redis: RedisServer;
  let raw: Redis;
  let stored: Stored;
  const closing: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });

  const start = async (options?: { ageMs?: number; leaseMs?: number }): Promise<ServiceProcess> => {
    redis = await startRedis();
    closing.push(() => redis.stop().then(() => undefined));
    raw = new Redis(redis.url);
    closing.push(() => raw.disconnect());
    stored = await restoreStored(raw, options);
    const env = { CCSP_REDIS_URL: redis.url, CCSP_ENGINES: `${ENGINE},opencode` };
    const lease = options?.leaseMs === undefined ? {} : { CCSP_QUEUE_LEASE: `${options.leaseMs}ms` };
    const queue = await startServiceProcess({ name: "queue", folder: QUEUE, env: { ...env, ...lease } });
    closing.push(() => queue.stop());
    return queue;
  };
  const clientOf = (queue: ServiceProcess): QueueClient => {
    const client = createClient(QueueServiceService, queue.address);
    closing.push(() => client.close());
    return client;
  };
  const idOf = (name: string): string => {
    const id = stored.ids[name];
    assert.ok(id, `nothing is stored as ${name}`);
    return id;
  };
  const get = async (client: QueueClient, name: string, agentId = "alice"): Promise<Task> => {
    const { task } = await client.get({ taskId: idOf(name), agentId });
    assert.ok(task);
    return task;
  };
  const stateOf = async (client: QueueClient, name: string, agentId = "alice") =>
    TaskState[(await get(client, name, agentId)).state];
  const watch = async (client: QueueClient, name: string): Promise<TaskEvent[]> => {
    const events: TaskEvent[] = [];
    for await (const { event } of client.watch({ taskId: idOf(name), agentId: "alice" })) {
      assert.ok(event);
      events.push(event);
    }
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      events.map((_, i) => i + 1),
    );
    return events;
  };
  const textOf = (events: readonly TaskEvent[]): string =>
    events.map(({ event }) => (event?.$case === "textDelta" ? event.value.text : "")).join("");

  it("is listed: each task in its state with its spec", async () => {
    const client = clientOf(await start());
    const states: Record<string, string> = {};
    const names = new Map(Object.entries(stored.ids).map(([name, id]) => [id, name]));
    for (const agentId of ["alice", "bob", "carol"]) {
      const { tasks } = await client.list(ListRequest.fromPartial({ agentId, pageSize: 100 }));
      for (const { id, state } of tasks) states[names.get(id) ?? id] = TaskState[state];
    }
    assert.deepEqual(states, {
      succeeded: "SUCCEEDED",
      large: "SUCCEEDED",
      cached: "SUCCEEDED",
      "from cache": "SUCCEEDED",
      failed: "FAILED",
      spent: "FAILED",
      parked: "PARKED",
      limited: "PARKED",
      "closing its login": "PARKED",
      // A conversation has the id of the task that began it. So this is the state of that task.
      conversation: "SUCCEEDED",
      cancelled: "CANCELLED",
      cancelling: "CANCELLING",
      running: "RUNNING",
      leased: "LEASED",
      scheduled: "SCHEDULED",
      "next turn": "QUEUED",
      waiting: "QUEUED",
      "with a deadline": "QUEUED",
      urgent: "QUEUED",
      "with tools": "QUEUED",
      "behind a gate": "QUEUED",
      "behind a label": "QUEUED",
      pinned: "QUEUED",
      "of opencode": "QUEUED",
    });
    const { tasks } = await client.list(
      ListRequest.fromPartial({ agentId: "alice", filter: { labels: { team: "a" } } }),
    );
    assert.deepEqual(
      tasks.map(({ id }) => id),
      [idOf("succeeded")],
    );
    const tools = await get(client, "with tools", "bob");
    assert.deepEqual(tools.spec?.allowedTools, ["Bash(git log:*)"]);
    assert.equal((await get(client, "failed")).error?.category, ErrorCategory.INVALID_REQUEST);
    assert.equal((await get(client, "large")).result?.text, "a large answer. ".repeat(20_000));
    assert.equal((await get(client, "turn")).result?.conversationId, idOf("conversation"));
    const { gates, emergency } = await client.getStatus({});
    assert.equal(emergency, undefined);
    assert.deepEqual(new Set(gates.map(({ scope }) => scope?.scope?.$case)), new Set(["account", "agentId", "label"]));
    const { schedules } = await client.listSchedules({ agentId: "alice" });
    assert.deepEqual(
      schedules.map(({ name, timeZone, spec }) => [name, timeZone, spec?.prompt]),
      [["hourly", "Asia/Tokyo", "prompt of hourly"]],
    );
    assert.equal(await raw.hget("ccsp:queue:{0}:meta", "format"), "1");
  });

  it("is watched to its end, with the text of its log", async () => {
    const client = clientOf(await start());
    const text = async (name: string) => {
      const events = await watch(client, name);
      assert.equal(events.at(-1)?.event?.$case, "taskEnded", name);
      return textOf(events);
    };
    assert.equal(await text("succeeded"), "the answe and more");
    assert.equal(await text("large"), "a large a and more");
    assert.equal(await text("from cache"), "a cached answer");
    assert.equal(await text("turn"), "the first and more");
    for (const name of ["failed", "spent"]) assert.equal(await text(name), "half");
    assert.equal(await text("cancelled"), "");
  });

  it("answers a repeated request id with its task, and the same id with another payload with a refusal", async () => {
    const client = clientOf(await start());
    const enqueue = async (name: string, spec: Partial<TaskSpec> = {}) => {
      const { task } = await client.enqueue({
        ...EnqueueRequest.fromPartial({ agentId: "alice", requestId: `request-${name}` }),
        spec: { ...TaskSpec.fromPartial({ prompt: `prompt of ${name}` }), ...spec },
      });
      return task?.id;
    };
    for (const name of ["succeeded", "failed", "running", "waiting"]) {
      const labels = name === "succeeded" ? { team: "a" } : {};
      assert.equal(await enqueue(name, { labels }), idOf(name));
    }
    assert.equal(await enqueue("urgent", { priority: Priority.URGENT }), idOf("urgent"));
    assert.equal(
      await enqueue("next turn", { conversation: { id: idOf("conversation"), fork: false } }),
      idOf("next turn"),
    );
    await assert.rejects(enqueue("waiting", { prompt: "another" }), { reason: "REQUEST_ID_CONFLICT" });
  });

  it("answers a task from a cached result", async () => {
    const client = clientOf(await start());
    const spec = { ...TaskSpec.fromPartial({ prompt: "prompt of cached" }), cache: { maxAge: undefined } };
    const { task } = await client.enqueue({ agentId: "alice", spec, requestId: "" });
    assert.deepEqual([task?.state, task?.result?.cached], [TaskState.SUCCEEDED, true]);
    assert.equal(task?.result?.text, "a cached answer");
  });

  for (const version of ["today", RELEASE]) {
    it(`works with an executor of ${version} that holds leases and then gets waiting tasks`, async () => {
      const queue = await start();
      const client = clientOf(queue);
      const { wire } = version === "today" ? { wire: { createClient, QueueServiceService } } : await loadClient();
      const own = wire.createClient(wire.QueueServiceService, queue.address);
      closing.push(() => own.close());
      const held = new Map(Object.entries(stored.fences).map(([name, fence]) => [idOf(name), fence]));
      let sequence = BigInt((await raw.hget("ccsp:queue:{0}:executor:ex-1", "seq")) ?? 0);
      const sync = async (freeSlots: number) => {
        const answer = await own.sync(
          SyncRequest.fromPartial({
            executorId: "ex-1",
            bootId: "boot-1",
            sequence: ++sequence,
            leases: [...held].map(([taskId, fence]) => ({ taskId, fence })),
            // The usage window of the executor's first login is closed.
            engines: [{ engine: ENGINE, freeSlots, slots: 20, version: "2.1.197", account: "second" }],
          }),
        );
        for (const { taskId, fence } of answer.leases) held.set(taskId, fence);
        return answer;
      };
      const complete = async (name: string, reportSequence: number) => {
        const [taskId, fence] = [idOf(name), held.get(idOf(name)) ?? 0n];
        // The first event has a kind that this queue does not know.
        const text = { $case: "textDelta", value: { text: "more" } } as const;
        const events = [TaskEvent.fromPartial({}), TaskEvent.fromPartial({ event: text })];
        const started = reportSequence === 1 ? { traceparent: "" } : undefined;
        await own.report({ taskId, fence, reportSequence, started, events });
        await own.complete(CompleteRequest.fromPartial({ taskId, fence, result: { text: "done", engine: ENGINE } }));
        held.delete(taskId);
      };

      const first = await sync(0);
      assert.deepEqual([first.lostTaskIds, first.leases], [[], []]);
      assert.deepEqual(
        first.cancellations.map(({ taskId }) => taskId),
        [idOf("cancelling")],
      );
      await own.fail(
        FailRequest.fromPartial({
          taskId: idOf("cancelling"),
          fence: held.get(idOf("cancelling")) ?? 0n,
          error: { category: ErrorCategory.CANCELLED, message: "it was cancelled" },
        }),
      );
      held.delete(idOf("cancelling"));
      await complete("running", 2);
      await complete("leased", 1);
      assert.equal(await stateOf(client, "cancelling"), "CANCELLED");
      assert.equal(textOf(await watch(client, "running")), "half an answermore");
      assert.equal((await get(client, "leased")).result?.text, "done");

      const { leases } = await sync(20);
      const waiting = ["urgent", "next turn", "waiting", "with tools", "pinned", "with a deadline"];
      assert.deepEqual(leases.map(({ taskId }) => taskId).sort(), waiting.map(idOf).sort());
      const prompts = new Map(leases.map(({ taskId, spec }) => [taskId, spec]));
      assert.equal(prompts.get(idOf("with tools"))?.systemPrompt, "Be brief");
      const turn = leases.find(({ taskId }) => taskId === idOf("next turn"));
      assert.equal(turn?.conversation?.engineConversationId, "engine-conversation-1");
      const { transcript } = await own.loadConversation({ taskId: idOf("next turn"), fence: turn?.fence ?? 0n });
      assert.equal(Buffer.from(transcript).toString(), "transcript of turn");
      for (const name of waiting) await complete(name, 1);
      for (const name of ["urgent", "waiting", "with a deadline"]) {
        assert.equal(await stateOf(client, name), "SUCCEEDED");
      }
    });
  }

  it("is put back, cancelled, changed and forgotten like data of today", async () => {
    const client = clientOf(await start());
    for (const name of ["failed", "spent"]) {
      await client.retryTask({ taskId: idOf(name), agentId: "alice", reason: "mended" });
      assert.equal(await stateOf(client, name), "QUEUED");
    }
    for (const name of ["parked", "limited", "scheduled", "waiting"]) {
      await client.cancel({ taskId: idOf(name), agentId: "alice", reason: "not wanted" });
      assert.equal(await stateOf(client, name), "CANCELLED");
    }
    const agent = { scope: { $case: "agentId", value: "carol" } } as const;
    assert.equal((await client.resumeQueue({ scope: agent, who: "olga", why: "" })).resumed, true);
    const waiting = async () => {
      const { depths } = await client.getStatus({});
      return depths.reduce((sum, depth) => sum + Number(depth.waiting), 0);
    };
    // Nine tasks waited. One of them was cancelled, and two more were put back into the queue.
    assert.equal(await waiting(), 10);
    const low = { priority: Priority.LOW, agentId: "", who: "olga", confirmationToken: "" };
    const dry = await client.clearQueue(low);
    assert.equal(dry.tasks, 1n);
    assert.equal((await client.clearQueue({ ...low, confirmationToken: dry.confirmationToken })).tasks, 1n);
    const task = { taskId: idOf("behind a label"), agentId: "bob" };
    const { blockers } = await client.explainTask(task);
    assert.ok(blockers.some(({ message }) => message.includes("team=paused")));
    const ofBob = CancelTasksRequest.fromPartial({ filter: { agentId: "bob" } });
    assert.equal((await client.cancelTasks(ofBob)).cancelled, 4n);
    assert.equal(await waiting(), 5);
  });

  it("follows the clock: due tasks start, lost leases are taken back, schedules make up for missed runs", async () => {
    const client = clientOf(await start({ ageMs: 1.5 * HOUR_MS, leaseMs: 1_000 }));
    await eventually(
      async () => {
        for (const name of ["parked", "limited", "scheduled", "leased"])
          assert.equal(await stateOf(client, name), "QUEUED");
        // The task had started, so the lost lease counts as a failure.
        assert.match(await stateOf(client, "running"), /PARKED|QUEUED/);
        assert.equal(await stateOf(client, "cancelling"), "CANCELLED");
      },
      { timeoutMs: 30_000 },
    );
    await eventually(async () => {
      const { schedules } = await client.listSchedules({ agentId: "alice" });
      const made = schedules[0]?.lastTaskId ?? "";
      assert.notEqual(made, "");
      assert.equal((await client.get({ taskId: made, agentId: "alice" })).task?.spec?.prompt, "prompt of hourly");
    });
  });

  it("is forgotten when its retention has passed", async () => {
    const client = clientOf(await start({ ageMs: 25 * HOUR_MS }));
    await eventually(async () => {
      await assert.rejects(get(client, "large"), { reason: "TASK_NOT_FOUND" });
      assert.deepEqual(await raw.keys("*result:*"), []);
      assert.equal(await stateOf(client, "with a deadline"), "EXPIRED");
    });
  });

  it("was published in events that today's readers know", async () => {
    await start();
    const events = await raw.xrange(eventsKey(0), "-", "+");
    assert.ok(events.length > 30);
    const read = events.map(([id, fields]) => decodeEvent(0, id, fields)?.data ?? assert.fail(fields.join(" ")));
    const levels = read.flatMap((data) => (data.$case === "emergencyStop" ? data.value.levelEnum : []));
    assert.deepEqual([...new Set(levels)], [EmergencyLevel.NO_SUBMIT]);
  });
});
