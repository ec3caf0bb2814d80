import assert from "node:assert/strict";
import { createAuthenticator } from "@ccsp/authentication";
import { type Reason, Refusal } from "@ccsp/errors";
import { admitBy, CallError, CallerBounds, type CallOptions, createClient, implement, serveGrpc } from "@ccsp/grpc-kit";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { ListBudgetsResponse } from "@ccsp/protos/ccsp/monitor/v1/budgets.js";
import { GetForecastResponse } from "@ccsp/protos/ccsp/monitor/v1/forecast.js";
import { GetUsageResponse } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { Schedule } from "@ccsp/protos/ccsp/task/v1/schedule.js";
import { TaskEnded, TaskSpec, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { UsageFilter } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { eventually, startCutter } from "@ccsp/testkit";
import { status } from "@grpc/grpc-js";
import { SignJWT } from "jose";
import pino from "pino";
import { createAgentOperations } from "../src/agents/operations.js";
import { createAudit } from "../src/application/audit.js";
import { createGuard } from "../src/application/guard.js";
import { served } from "../src/grpc/served.js";
import { createOpenStreams } from "../src/keys/open-streams.js";
import { type FakeQueue, startFakeQueue } from "./fake-queue.js";

const SECRET = new TextEncoder().encode("a secret of this test and of nothing else");
const ALL = "tasks:submit tasks:read tasks:cancel";
const PROMPT = "the prompt that stays private";
const spec = TaskSpec.fromPartial({ prompt: PROMPT });
const text = (value: string) => ({ $case: "textDelta", value: { text: value, message: 1 } }) as const;
const end = { $case: "taskEnded", value: TaskEnded.fromPartial({ state: TaskState.SUCCEEDED }) } as const;

async function as(sub: string, scope = ALL): Promise<CallOptions> {
  const token = await new SignJWT({ scope })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(sub)
    .setAudience("ccsp")
    .setExpirationTime("5m")
    .sign(SECRET);
  return { metadata: { authorization: `Bearer ${token}` } };
}

/** Starts a real server with the gateway's handlers, in front of a queue in memory. */
async function startGateway(queue: { readonly port: number }) {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const upstream = createClient(QueueServiceService, `127.0.0.1:${queue.port}`);
  const guard = createGuard({
    authenticator: createAuthenticator({
      keys: new Map([["HS256", () => SECRET]]),
      audience: "ccsp",
      issuer: undefined,
    }),
    audit: createAudit(log),
    streams: createOpenStreams(() => false),
  });
  const operations = createAgentOperations({
    queue: upstream,
    readSpans: async () => [],
    monitor: {
      getUsage: async ({ agentId = "" }) => GetUsageResponse.fromPartial({ rows: [{ agentId }] }),
      getForecast: async ({ filter }) =>
        GetForecastResponse.fromPartial({ forecast: { reason: JSON.stringify(filter) } }),
      listBudgets: async ({ agentId = "" }) => {
        const budget = { name: "own", holder: { holder: { $case: "agentId", value: agentId } } } as const;
        return ListBudgetsResponse.fromPartial({ budgets: [{ budget }] });
      },
    },
    guard,
    resume: { giveUpMs: 10_000 },
    version: "1.2.3",
  });
  const server = await serveGrpc({
    listen: { host: "127.0.0.1", port: 0 },
    services: [implement(AgentServiceService, served(operations))],
    admit: admitBy((caller, access, path) => guard.admit(path, access, caller), log),
    callers: new CallerBounds({ limits: LIMITS }),
    log,
    lameDuckMs: 0,
    drainMs: 1_000,
  });
  const client = createClient(AgentServiceService, `127.0.0.1:${server.port}`);
  return {
    client,
    lines,
    audit: () =>
      lines
        .filter((line) => line["audit"] === true)
        .map(({ method, agent, task, outcome, reason }) => ({ method, agent, task, outcome, reason })),
    async close() {
      client.close();
      await server.close();
      upstream.close();
    },
  };
}

const failsWith = (code: status, reason: Reason) => (error: unknown) => {
  assert.ok(error instanceof CallError, String(error));
  assert.deepEqual({ code: error.code, reason: error.reason }, { code, reason }, error.message);
  return true;
};

const LIMITS = { unfinishedRequests: 32, bodyMs: 10_000, abandonedPerSecond: 100 };

describe("gateway", () => {
  let queue: FakeQueue;
  let gateway: Awaited<ReturnType<typeof startGateway>>;
  beforeEach(async () => {
    queue = await startFakeQueue();
    gateway = await startGateway(queue);
  });
  afterEach(async () => {
    await gateway.close();
    await queue.close();
  });

  it("passes a task on under the identity of the token", async () => {
    const { task } = await gateway.client.submitTask({ spec, requestId: "r1" }, await as("alice"));
    assert.equal(task?.agentId, "alice");
    assert.deepEqual(
      queue.enqueued.map(({ agentId, requestId, spec: passed }) => ({ agentId, requestId, prompt: passed?.prompt })),
      [{ agentId: "alice", requestId: "r1", prompt: PROMPT }],
    );
  });

  for (const method of ["submitTask", "runTask"] as const) {
    it(`says in the refusal of ${method} that the task may be stored, and its request id, when the queue's answer was lost`, async () => {
      const cutter = await startCutter(queue.port);
      const behind = await startGateway({ port: Number(cutter.target.split(":")[1]) });
      const call = async (requestId: string) => {
        const options = await as("alice");
        if (method === "submitTask") return behind.client.submitTask({ spec, requestId }, options);
        for await (const message of behind.client.runTask({ spec, requestId }, options)) assert.ok(message);
        return undefined;
      };
      try {
        const overloaded = new Refusal("OVERLOADED", "too much", { retryAfterMs: 1_000 });
        for (const given of ["mine", ""]) {
          queue.cutNext(() => cutter.cut(), overloaded);
          await assert.rejects(call(given), (error) => {
            assert.ok(error instanceof CallError);
            const stored = queue.enqueued.at(-1)?.requestId;
            const { reason, retryAfterMs, metadata, mayHaveTakenEffect } = error;
            assert.deepEqual({ reason, retryAfterMs }, { reason: "OVERLOADED", retryAfterMs: 1_000 });
            assert.deepEqual({ ...metadata }, { effect: "unknown", request_id: stored });
            assert.ok(given === "" || stored === given);
            assert.ok(mayHaveTakenEffect);
            return true;
          });
          assert.equal(behind.audit().at(-1)?.outcome, "unknown");
        }
        queue.refuseNext(overloaded);
        await assert.rejects(call("r"), { reason: "OVERLOADED", mayHaveTakenEffect: false, metadata: {} });
        assert.equal(behind.audit().at(-1)?.outcome, "refused");
      } finally {
        await behind.close();
        await cutter.close();
      }
    });
  }

  it("reports to an agent only its own usage, and only with the scope to read its tasks", async () => {
    const { budgets } = await gateway.client.getMyBudgets({}, await as("alice"));
    assert.deepEqual(budgets[0]?.budget?.holder?.holder, { $case: "agentId", value: "alice" });
    const { rows } = await gateway.client.getMyUsage({}, await as("alice"));
    assert.deepEqual(
      rows.map(({ agentId }) => agentId),
      ["alice"],
    );
    const { forecast } = await gateway.client.getMyForecast({}, await as("alice"));
    assert.deepEqual(JSON.parse(forecast?.reason ?? ""), UsageFilter.fromPartial({ agentId: "alice" }));
    const denied = failsWith(status.PERMISSION_DENIED, "SCOPE_MISSING");
    await assert.rejects(gateway.client.getMyUsage({}, await as("alice", "tasks:submit")), denied);
    await assert.rejects(gateway.client.getMyForecast({}, await as("alice", "tasks:submit")), denied);
  });

  it("passes impossible times on to the queue, which refuses them task by task, not the whole call", async () => {
    const { client } = gateway;
    // A client in another language can send more seconds than a Date can represent.
    const never = Object.assign(new Date(0), { getTime: () => 1e18 });
    const agent = await as("alice");
    const wrong = [
      { ...spec, startTime: never },
      { ...spec, startDeadline: never },
    ] as const;
    for (const each of wrong) await client.submitTask({ spec: each }, agent);
    await client.runTask({ spec: wrong[0] }, agent)[Symbol.asyncIterator]().next();
    await client.submitTasks({ tasks: [spec, ...wrong].map((each) => ({ spec: each, requestId: "" })) }, agent);
    await client.estimateTask({ spec: wrong[0] }, agent);
    await client.putSchedule(
      { schedule: Schedule.fromPartial({ spec: wrong[0], createTime: never, nextRunTimes: [never] }) },
      agent,
    );
    const beyond = [queue.enqueued[0]?.spec?.startTime, queue.enqueued[1]?.spec?.startDeadline];
    for (const time of beyond) assert.ok(Number(time?.getUTCFullYear()) > 9_999, "the queue refuses it");
  });

  it("creates a request id when the agent gave none, so its own calls are safe to repeat", async () => {
    await gateway.client.submitTask({ spec }, await as("alice"));
    await gateway.client.submitTask({ spec }, await as("alice"));
    const ids = queue.enqueued.map(({ requestId }) => requestId);
    assert.ok(ids.every((id) => id.startsWith("gateway-")));
    assert.equal(new Set(ids).size, 2);
  });

  it("refuses every RPC without a token, or with a token that lacks the scope", async () => {
    const { client } = gateway;
    const noScopes = await as("alice", "");
    const drain = async (stream: AsyncIterable<unknown>) => {
      for await (const _ of stream);
    };
    const calls: Record<string, (options: CallOptions) => Promise<unknown>> = {
      submitTask: (options) => client.submitTask({ spec }, options),
      runTask: (options) => drain(client.runTask({ spec }, options)),
      watchTask: (options) => drain(client.watchTask({ taskId: "t" }, options)),
      getTask: (options) => client.getTask({ taskId: "t" }, options),
      listTasks: (options) => client.listTasks({}, options),
      cancelTask: (options) => client.cancelTask({ taskId: "t" }, options),
      submitTasks: (options) => client.submitTasks({ tasks: [{ spec, requestId: "" }] }, options),
      retryTask: (options) => client.retryTask({ taskId: "t" }, options),
      explainTask: (options) => client.explainTask({ taskId: "t" }, options),
      getTaskTrace: (options) => client.getTaskTrace({ taskId: "t" }, options),
      estimateTask: (options) => client.estimateTask({ spec }, options),
      putSchedule: (options) => client.putSchedule({}, options),
      listSchedules: (options) => client.listSchedules({}, options),
      deleteSchedule: (options) => client.deleteSchedule({ name: "n" }, options),
    };
    for (const call of Object.values(calls)) {
      await assert.rejects(call({}), failsWith(status.UNAUTHENTICATED, "TOKEN_MISSING"));
      await assert.rejects(call(noScopes), failsWith(status.PERMISSION_DENIED, "SCOPE_MISSING"));
    }
    await assert.rejects(client.getCapabilities({}), failsWith(status.UNAUTHENTICATED, "TOKEN_MISSING"));
    assert.equal(queue.enqueued.length, 0);
  });

  it("shows a task only to its own agent, and lets no other agent cancel it", async () => {
    const { client } = gateway;
    const { task } = await client.submitTask({ spec }, await as("alice"));
    const taskId = task?.id ?? "";
    const bob = await as("bob");
    const notFound = failsWith(status.NOT_FOUND, "TASK_NOT_FOUND");
    await assert.rejects(client.getTask({ taskId }, bob), notFound);
    await assert.rejects(client.cancelTask({ taskId }, bob), notFound);
    await assert.rejects(client.watchTask({ taskId }, bob)[Symbol.asyncIterator]().next(), notFound);
    assert.deepEqual((await client.listTasks({}, bob)).tasks, []);
    assert.equal((await client.getTask({ taskId }, await as("alice"))).task?.state, TaskState.QUEUED);
  });

  it("passes a refusal of the queue on with its reason, fields, facts and times", async () => {
    queue.refuseNext(
      new Refusal("QUEUE_FULL", "the queue is full", {
        metadata: { limit: "10" },
        fields: [{ field: "spec.prompt", description: "is empty" }],
        retryAfterMs: 1_500,
        quota: [{ subject: "agent:alice", description: "10 tasks wait" }],
      }),
    );
    await assert.rejects(gateway.client.submitTask({ spec }, await as("alice")), (error) => {
      failsWith(status.RESOURCE_EXHAUSTED, "QUEUE_FULL")(error);
      assert.ok(error instanceof CallError);
      assert.match(error.message, /the queue is full/);
      assert.deepEqual(error.fields, [{ field: "spec.prompt", description: "is empty" }]);
      assert.equal(error.metadata["limit"], "10");
      assert.equal(error.retryAfterMs, 1_500);
      assert.deepEqual(error.quota, [{ subject: "agent:alice", description: "10 tasks wait" }]);
      return true;
    });
  });

  it("passes on that the queue is overloaded, with its time, and writes to the audit log that nothing was done", async () => {
    queue.refuseNext(new Refusal("OVERLOADED", "too much for the moment", { retryAfterMs: 1_500 }));
    await assert.rejects(gateway.client.submitTask({ spec }, await as("alice")), (error) => {
      failsWith(status.UNAVAILABLE, "OVERLOADED")(error);
      assert.ok(error instanceof CallError);
      assert.equal(error.message, "too much for the moment");
      assert.equal(error.retryAfterMs, 1_500);
      return true;
    });
    assert.deepEqual(
      gateway.audit().map(({ outcome, reason }) => [outcome, reason]),
      [["refused", "OVERLOADED"]],
    );
    assert.equal(queue.enqueued.length, 0);
  });

  it("says, without its address, that the queue does not answer when it cannot be reached", async () => {
    await queue.close();
    await assert.rejects(
      gateway.client.getTask({ taskId: "t" }, { ...(await as("alice")), timeoutMs: 3_000 }),
      (error) => {
        assert.ok(error instanceof CallError);
        assert.ok(!error.message.includes(String(queue.port)), error.message);
        return true;
      },
    );
  });

  it("runs a task in one stream: the task first, then its log to the end", async () => {
    const seen: string[] = [];
    for await (const { message } of gateway.client.runTask({ spec }, await as("alice"))) {
      seen.push(message?.$case === "event" ? `${message.value.sequence} ${message.value.event?.$case}` : "task");
      if (message?.$case !== "task") continue;
      queue.append(message.value.id, text("hello"));
      queue.append(message.value.id, end);
    }
    assert.deepEqual(seen, ["task", "1 textDelta", "2 taskEnded"]);
  });

  it("keeps the agent's stream without a gap or a repeat when the queue restarts", async () => {
    const sequences: number[] = [];
    let restarts = 0;
    for await (const { message } of gateway.client.runTask({ spec }, await as("alice"))) {
      if (message?.$case === "task") queue.append(message.value.id, text("1"));
      if (message?.$case !== "event") continue;
      const { sequence, event } = message.value;
      sequences.push(sequence);
      if (event?.$case === "taskEnded") continue;
      await eventually(() => assert.equal(queue.watchers(), 1));
      await queue.restart();
      restarts += 1;
      queue.append("task-1", sequence < 3 ? text(`${sequence + 1}`) : end);
    }
    assert.equal(restarts, 3);
    assert.deepEqual(sequences, [1, 2, 3, 4]);
  });

  it("resumes a watch after the agent's last sequence", async () => {
    const { task } = await gateway.client.submitTask({ spec }, await as("alice"));
    const taskId = task?.id ?? "";
    for (const event of [text("a"), text("b"), end]) queue.append(taskId, event);
    const sequences: (number | undefined)[] = [];
    for await (const { event } of gateway.client.watchTask({ taskId, afterSequence: 1 }, await as("alice"))) {
      sequences.push(event?.sequence);
    }
    assert.deepEqual(sequences, [2, 3]);
  });

  it("ends its watch of the queue when the agent disconnects, and does not touch the task", async () => {
    const agent = new AbortController();
    const stream = gateway.client.runTask({ spec }, { ...(await as("alice")), signal: agent.signal });
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    await eventually(() => assert.equal(queue.watchers(), 1));
    agent.abort();
    await assert.rejects(iterator.next());
    await eventually(() => assert.equal(queue.watchers(), 0));
    assert.equal((await gateway.client.getTask({ taskId: "task-1" }, await as("alice"))).task?.state, TaskState.QUEUED);
  });

  it("writes one audit line per change, accepted or not, without the prompt", async () => {
    const { client } = gateway;
    const alice = await as("alice");
    await client.submitTask({ spec }, alice);
    await client.cancelTask({ taskId: "task-1", reason: "" }, alice);
    await assert.rejects(client.cancelTask({ taskId: "task-1" }, await as("bob", "tasks:cancel")));
    await assert.rejects(client.submitTask({ spec }, await as("bob", "tasks:read")));
    await assert.rejects(client.submitTask({ spec }));
    await client.getTask({ taskId: "task-1" }, alice);

    const none = { agent: undefined, task: undefined, reason: undefined };
    assert.deepEqual(gateway.audit(), [
      { ...none, method: "submitTask", agent: "alice", task: "task-1", outcome: "accepted" },
      { ...none, method: "cancelTask", agent: "alice", task: "task-1", outcome: "accepted" },
      { ...none, method: "cancelTask", agent: "bob", task: "task-1", outcome: "refused", reason: "TASK_NOT_FOUND" },
      { ...none, method: "submitTask", agent: "bob", outcome: "refused", reason: "SCOPE_MISSING" },
      { ...none, method: "submitTask", outcome: "refused", reason: "TOKEN_MISSING" },
    ]);
    assert.ok(!JSON.stringify(gateway.lines).includes(PROMPT));
  });

  it("writes at most as much of a task id as a valid task id has", async () => {
    await assert.rejects(gateway.client.cancelTask({ taskId: "x".repeat(100_000) }, await as("alice")));
    assert.ok(JSON.stringify(gateway.audit()).length < 500);
  });

  it("does not write that a change was refused when its outcome is unknown", async () => {
    const { client } = gateway;
    await client.submitTask({ spec }, await as("alice"));
    queue.loseAnswers();
    await assert.rejects(client.submitTask({ spec }, await as("alice")));
    const [first, ...others] = gateway.audit().map(({ outcome }) => outcome);
    assert.equal(first, "accepted");
    assert.deepEqual(new Set(others), new Set(["unknown"]));
    assert.equal(queue.enqueued.length, 1 + others.length);
  });

  it("returns the capabilities and the caller's identity", async () => {
    assert.deepEqual(await gateway.client.getCapabilities({}, await as("alice", "tasks:read x")), {
      engines: ["claude-code"],
      maxPromptBytes: 1024n,
      version: "1.2.3",
      agentId: "alice",
      scopes: ["tasks:read", "x"],
    });
  });

  it("answers a request above its limit with MESSAGE_TOO_LARGE, and continues", async () => {
    const huge = TaskSpec.fromPartial({ prompt: "x".repeat(17 * 1024 * 1024) });
    await assert.rejects(
      gateway.client.submitTask({ spec: huge }, await as("alice")),
      failsWith(status.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE"),
    );
    assert.equal((await gateway.client.getCapabilities({}, await as("alice"))).agentId, "alice");
  });
});
