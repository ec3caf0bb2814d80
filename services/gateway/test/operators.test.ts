import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CcspClient, createCcspClient } from "@ccsp/client";
import type { Reason } from "@ccsp/errors";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { CallError, type CallOptions, type Client, type Connection, createClient } from "@ccsp/grpc-kit";
import { ROLES, type Role } from "@ccsp/identity";
import { accessOf } from "@ccsp/protos/access.js";
import { OperatorServiceService } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { Notice } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { EmergencyLevel } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import type { GateScope } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import { LimitChange } from "@ccsp/protos/ccsp/queue/v1/limit.js";
import { Priority, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Budget } from "@ccsp/protos/ccsp/usage/v1/budgets.js";
import { eventually, SCRIPTED_ENGINE, type ServiceProcess, startServiceProcess } from "@ccsp/testkit";
import { credentials, Client as GrpcClient } from "@grpc/grpc-js";
import { SignJWT } from "jose";

const SECRET = "a secret of this test and of nothing else";
const CONTENT = "PRIVATE";
const ALL: GateScope = { scope: { $case: "all", value: true } };
/** Nothing of this may be in the answer to a caller without `prompts:read`. */
const TASK = {
  prompt: `[[text:${CONTENT} answer]]`,
  systemPrompt: `${CONTENT} system prompt`,
  attachments: [{ name: `${CONTENT}.txt`, content: Buffer.from(CONTENT) }],
  labels: { team: "web" },
};

const tokenOf = (sub: string, scopes: readonly string[]) =>
  new SignJWT({ scope: scopes.join(" ") })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(sub)
    .setAudience("ccsp")
    .setExpirationTime("5m")
    .sign(new TextEncoder().encode(SECRET));

const as = async (role: Role): Promise<CallOptions> => ({
  metadata: { authorization: `Bearer ${await tokenOf(`${role}-1`, ROLES[role])}` },
});

const refusedWith = (reason: Reason) => (error: unknown) => {
  assert.ok(error instanceof CallError, String(error));
  assert.equal(error.reason, reason, error.message);
  return true;
};

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of stream) found.push(each);
  return found;
}

/** Asks server reflection for the services, as grpcurl does. Returns the bytes of the answer as text. */
async function servicesAt(address: string): Promise<string> {
  const client = new GrpcClient(address, credentials.createInsecure());
  const asIs = (bytes: Buffer) => bytes;
  const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  const stream = client.makeBidiStreamRequest(path, asIs, asIs);
  try {
    // The field list_services (7) with the text "*".
    stream.write(Buffer.from([0x3a, 0x01, 0x2a]));
    const [answer]: Buffer[] = await once(stream, "data");
    return String(answer);
  } finally {
    stream.end();
    client.close();
  }
}

async function first<T>(stream: AsyncIterable<T>): Promise<T> {
  for await (const each of stream) return each;
  throw new Error("the stream was empty");
}

describe("OperatorService in front of real services", function () {
  this.timeout(120_000);
  let folder: string;
  let redis: RedisServer;
  const running = new Map<string, ServiceProcess>();
  const lines: string[] = [];
  let operators: Client<OperatorServiceService> & Connection;
  let alice: CcspClient;

  const start = async (name: string, env: Record<string, string>, as = name): Promise<string> => {
    const service = await startServiceProcess({
      name,
      folder: fileURLToPath(new URL(`../../${name}`, import.meta.url)),
      env: { PATH: process.env["PATH"] ?? "", CCSP_INSTANCE: as, CCSP_REDIS_URL: redis.url, ...env },
      onLine: (line) => lines.push(line),
    });
    running.set(as, service);
    return service.address;
  };
  const startExecutor = (id: string, queue: string) =>
    start(
      "executor",
      {
        CCSP_QUEUE_TARGET: queue,
        CCSP_EXECUTOR_ID: id,
        CCSP_EXECUTOR_DIR: join(folder, id),
        CCSP_EXECUTOR_SLOTS: "2",
        CCSP_EXECUTOR_WARM: "0",
        CCSP_CLAUDE_CODE_BIN: SCRIPTED_ENGINE,
        CCSP_CLAUDE_CODE_API_KEY: "fake-key-of-this-test",
        CCSP_EXECUTOR_SANDBOX_READ: dirname(SCRIPTED_ENGINE),
      },
      id,
    );

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "ccsp-operators-"));
    redis = await startRedis();
    const queue = await start("queue", {});
    const [monitor, notification] = await Promise.all([
      start("monitor", {}),
      start("notification", { CCSP_NOTIFICATION_FILE: join(folder, "notifications.jsonl") }),
      startExecutor("executor-a", queue),
      startExecutor("executor-b", queue),
    ]);
    const gateway = await start("gateway", {
      CCSP_QUEUE_TARGET: queue,
      CCSP_MONITOR_TARGET: monitor,
      CCSP_NOTIFICATION_TARGET: notification,
      CCSP_JWT_SECRET: SECRET,
    });
    operators = createClient(OperatorServiceService, gateway);
    alice = createCcspClient({ target: gateway, token: () => tokenOf("alice", ROLES.agent), connectMs: 60_000 });
  });
  after(async () => {
    operators?.close();
    alice?.close();
    for (const service of [...running.values()].toReversed()) await service.stop();
    await redis?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const ended = async (task: Parameters<CcspClient["submit"]>[0] = TASK): Promise<string> => {
    const { id } = await alice.submit(task);
    for await (const _event of alice.watch(id));
    return id;
  };
  const audit = (): Record<string, unknown>[] =>
    lines
      .filter((line) => line.includes('"audit":true'))
      .map((line) => JSON.parse(line))
      .map(({ service, api, method, who, task, outcome, reason }) => {
        assert.equal(service, "gateway");
        return { api, method, who, task, outcome, reason };
      });
  /** The audit lines about a task. The log of a process arrives after the answer of its call. */
  const auditOf = (taskId: string, count: number) =>
    eventually(() => {
      const found = audit().filter(({ task, api }) => task === taskId && api === "OperatorService");
      assert.equal(found.length, count, JSON.stringify(found));
      return found.map(({ method, who, outcome }) => [who, method, outcome].join(" "));
    });

  it("lets no agent call anything, except to ask who it is", async () => {
    const agent = await as("agent");
    for (const [name, { path }] of Object.entries(OperatorServiceService)) {
      const call: unknown = Reflect.get(operators, name);
      assert.ok(typeof call === "function");
      const asked = async () => {
        const answer = call({}, agent);
        return Symbol.asyncIterator in answer ? first(answer) : answer;
      };
      if (accessOf(path)?.scopes.length === 0) await asked();
      else await assert.rejects(asked(), refusedWith("SCOPE_MISSING"), name);
    }
  });

  it("is listed by server reflection, which needs no token", async () => {
    assert.match(await servicesAt(running.get("gateway")?.address ?? ""), /ccsp\.gateway\.v1\.OperatorService/);
  });

  it("says who the caller is, with every scope that its scopes imply", async () => {
    const whoAmI = async (role: Role) => {
      const { subject, scopes, proof } = await operators.whoAmI({}, await as(role));
      return { subject, scopes: scopes.toSorted(), proof };
    };
    const viewer = { subject: "viewer-1", scopes: [...ROLES.viewer].sort(), proof: "token" };
    assert.deepEqual(await whoAmI("viewer"), viewer);
    const metadata = { authorization: `Bearer ${await tokenOf("root", ["admin"])}` };
    const { scopes } = await operators.whoAmI({}, { metadata });
    assert.deepEqual(scopes.toSorted(), [...ROLES.admin].sort());
  });

  it("shows a viewer the states of every agent's tasks, and nothing of their content", async () => {
    const viewer = await as("viewer");
    const taskId = await ended();
    const answers = [
      await operators.getTask({ taskId, agentId: "someone-else" }, viewer),
      await operators.listTasks({ agentId: "alice", promptSnippets: true }, viewer),
      await all(operators.watchTask({ taskId }, viewer)),
      await operators.explainTask({ taskId }, viewer),
    ] as const;
    const [{ task }, { tasks }, events] = answers;
    assert.deepEqual(
      [task?.agentId, task?.state, task?.spec?.labels, task?.result?.engine],
      ["alice", TaskState.SUCCEEDED, { team: "web" }, "claude-code"],
    );
    assert.ok(tasks.some(({ id }) => id === taskId));
    assert.ok(
      events.some(({ event }) => event?.event?.$case === "textDelta"),
      "one sees that the engine writes",
    );
    const told = JSON.stringify(answers, (_key, value) => (typeof value === "bigint" ? `${value}` : value));
    assert.ok(!told.includes(CONTENT), told);
    await auditOf(taskId, 0);
  });

  it("shows the content to who may read prompts, and leaves an audit line for each such call", async () => {
    const admin = await as("admin");
    const taskId = await ended();
    const { task } = await operators.getTask({ taskId }, admin);
    assert.equal(task?.spec?.prompt, TASK.prompt);
    assert.equal(task?.spec?.attachments[0]?.name, TASK.attachments[0]?.name);
    assert.match(task?.result?.text ?? "", new RegExp(CONTENT));
    const events = await all(operators.watchTask({ taskId }, admin));
    const text = events
      .map(({ event }) => (event?.event?.$case === "textDelta" ? event.event.value.text : ""))
      .join("");
    assert.match(text, new RegExp(CONTENT));
    assert.deepEqual((await auditOf(taskId, 2)).toSorted(), ["admin-1 getTask accepted", "admin-1 watchTask accepted"]);

    const starts = async (promptSnippets: boolean) =>
      (await operators.listTasks({ promptSnippets }, admin)).tasks.find(({ id }) => id === taskId)?.promptSnippet;
    assert.equal(await starts(false), "");
    assert.equal(await starts(true), TASK.prompt);
    const listed = await eventually(() => {
      const found = audit().filter(({ method }) => method === "listTasks");
      assert.ok(found.length > 0);
      return found;
    });
    assert.deepEqual(
      listed.map(({ who }) => who),
      ["admin-1"],
      "only the list with snippets leaves a line",
    );
    assert.ok(!lines.some((line) => line.includes(CONTENT)), "no line of any log has content");
  });

  it("writes the proven caller as who closed a gate, whoever the request names", async () => {
    const operator = await as("operator");
    await assert.rejects(
      operators.pauseQueue({ scope: ALL, who: "x", why: "y" }, await as("viewer")),
      refusedWith("SCOPE_MISSING"),
    );
    const { gate } = await operators.pauseQueue({ scope: ALL, who: "somebody else", why: "a test" }, operator);
    assert.equal(gate?.who, "operator-1");
    const status = await operators.getStatus({}, await as("viewer"));
    assert.deepEqual(
      status.gates.map(({ who, why }) => [who, why]),
      [["operator-1", "a test"]],
    );
    const watched = await first(operators.watchQueue({}, await as("viewer")));
    assert.equal(watched.status?.gates[0]?.who, "operator-1");
    assert.deepEqual(await operators.resumeQueue({ scope: ALL }, operator), { resumed: true });
    const lineOf = (method: string) => audit().filter((line) => line["method"] === method);
    await eventually(() => {
      assert.deepEqual(
        lineOf("pauseQueue")
          .map(({ who, outcome, reason }) => [who, outcome, reason])
          .slice(-2),
        [
          ["viewer-1", "refused", "SCOPE_MISSING"],
          ["operator-1", "accepted", undefined],
        ],
      );
      assert.equal(lineOf("resumeQueue").at(-1)?.["outcome"], "accepted");
    });
  });

  it("writes the proven caller as who set a limit, and never says that CCSP set it by itself", async () => {
    const operator = await as("operator");
    const change = LimitChange.fromPartial({
      name: "weight/agent/alice",
      value: { value: { $case: "weight", value: 3 } },
    });
    const request = { changes: [change], who: "x", why: "a test", automatic: true };
    await assert.rejects(operators.setLimits(request, await as("viewer")), refusedWith("SCOPE_MISSING"));
    const { limits } = await operators.setLimits(request, operator);
    assert.deepEqual([limits[0]?.source?.who, limits[0]?.source?.automatic], ["operator-1", false]);
    const listed = await operators.getLimits({}, await as("viewer"));
    assert.equal(listed.limits.find(({ name }) => name === change.name)?.source?.why, "a test");
    await operators.setLimits({ changes: [{ ...change, value: undefined }], why: "done" }, operator);
    await eventually(() => {
      const lines = audit().filter((line) => line["method"] === "setLimits");
      assert.deepEqual(lines.map(({ who, outcome }) => [who, outcome]).slice(-3), [
        ["viewer-1", "refused"],
        ["operator-1", "accepted"],
        ["operator-1", "accepted"],
      ]);
    });
  });

  it("passes the refusals of the queue on, with their fields", async () => {
    await assert.rejects(operators.pauseQueue({ why: "" }, await as("operator")), (error) => {
      assert.ok(error instanceof CallError);
      assert.deepEqual(
        [error.reason, error.fields.map(({ field }) => field).toSorted()],
        ["INVALID_FIELD", ["scope", "why"]],
      );
      return true;
    });
    const taskId = "01J00000000000000000000000";
    await assert.rejects(operators.getTask({ taskId }, await as("viewer")), refusedWith("TASK_NOT_FOUND"));
  });

  it("refuses a time that no Date can hold by the name of its field", async () => {
    const never = Object.assign(new Date(0), { getTime: () => 1e18 });
    const filter = { ...EMPTY_FILTER, createdBefore: never };
    const operator = await as("operator");
    for (const call of [
      operators.cancelTasks({ filter }, operator),
      operators.listTasks({ filter }, operator),
      operators.pauseQueue({ scope: ALL, why: "w", until: never }, operator),
      operators.setLimits({ changes: [{ ...LimitChange.fromPartial({}), endTime: never }], why: "w" }, operator),
      operators.getUsage({ startTime: never }, operator),
      operators.putBudget({ budget: { ...Budget.fromPartial({}), changeTime: never } }, operator),
      operators.previewNotification({ notice: { ...Notice.fromPartial({}), time: never } }, operator),
      operators.previewNotification({ time: never }, operator),
    ])
      await assert.rejects(call, refusedWith("INVALID_FIELD"));
  });

  it("changes the tasks of every agent, and shows their content to nobody without the scope", async () => {
    const operator = await as("operator");
    await operators.pauseQueue({ scope: ALL, why: "hold" }, operator);
    const { id: taskId } = await alice.submit(TASK);
    const { task } = await operators.setPriority({ taskId, priority: Priority.HIGH }, operator);
    assert.deepEqual([task?.spec?.priority, task?.spec?.prompt], [Priority.HIGH, ""]);
    const waiting = async (call: Awaited<ReturnType<typeof as>>) => {
      const { tasks } = await operators.listWaiting({ promptSnippets: true }, call);
      return tasks.map(({ task: one, position }) => [one?.id, position, one?.promptSnippet]);
    };
    assert.deepEqual(await waiting(operator), [[taskId, 1n, ""]]);
    assert.deepEqual(await waiting(await as("admin")), [[taskId, 1n, TASK.prompt]]);
    const dry = await operators.cancelTasks({ filter: { ...EMPTY_FILTER, agentId: "alice" }, dryRun: true }, operator);
    assert.equal(dry.matched, 1n);
    const { confirmationToken, tasks } = await operators.clearQueue({ priority: Priority.HIGH }, operator);
    assert.ok(confirmationToken !== "" && tasks === 1n);
    const cancelled = await operators.cancelTask({ taskId, reason: "enough" }, operator);
    assert.deepEqual([cancelled.task?.state, cancelled.task?.spec?.prompt], [TaskState.CANCELLED, ""]);
    await assert.rejects(operators.retryTask({ taskId }, operator), refusedWith("TASK_NOT_FAILED"));
    await operators.resumeQueue({ scope: ALL }, operator);
    assert.deepEqual(await auditOf(taskId, 3), [
      "operator-1 setPriority accepted",
      "operator-1 cancelTask accepted",
      "operator-1 retryTask refused",
    ]);
  });

  it("finds the executor of a run, and hides what it writes from a viewer", async () => {
    const { id: taskId } = await alice.submit({ prompt: `[[text:${CONTENT} answer]][[hang-mid]]` });
    const admin = await as("admin");
    const tail = await eventually(async () => {
      const got = await operators.getRun({ taskId }, admin);
      assert.match(got.tail, new RegExp(CONTENT));
      return got.tail;
    });
    const hidden = await operators.getRun({ taskId }, await as("viewer"));
    assert.deepEqual([hidden.run?.taskId, hidden.tail], [taskId, ""]);
    assert.equal((await first(operators.tailRun({ taskId }, admin))).text, tail);
    await assert.rejects(first(operators.tailRun({ taskId }, await as("operator"))), refusedWith("SCOPE_MISSING"));
    const { executors } = await operators.listExecutors({}, admin);
    const owner = executors.find(({ status }) => status?.runs.some((run) => run.taskId === taskId))?.executorId;
    assert.ok(owner !== undefined);
    assert.equal((await operators.getRun({ taskId, executorId: owner }, admin)).tail, tail);
    const other = owner === "executor-a" ? "executor-b" : "executor-a";
    const elsewhere = operators.getRun({ taskId, executorId: other }, admin);
    await assert.rejects(elsewhere, refusedWith("RUN_NOT_FOUND"));
    await operators.cancelTask({ taskId, reason: "seen" }, admin);
    await eventually(() => assert.rejects(operators.getRun({ taskId }, admin), refusedWith("RUN_NOT_FOUND")));
  });

  it("controls one executor, and no other", async () => {
    const operator = await as("operator");
    const executorId = "executor-b";
    const slots = { executorId, engine: "claude-code", slots: 3 };
    await assert.rejects(operators.setConcurrency(slots, await as("viewer")), refusedWith("SCOPE_MISSING"));
    assert.equal((await operators.setConcurrency(slots, operator)).engine?.slots, 3);
    await operators.setDraining({ executorId, draining: true }, operator);
    const viewer = await as("viewer");
    // An executor that does not answer in time is listed with this error.
    const executors = await eventually(async () => {
      const listed = await operators.listExecutors({}, viewer);
      for (const { error } of listed.executors) assert.equal(error, "");
      return listed.executors;
    });
    assert.deepEqual(
      executors.map((each) => [each.executorId, each.status?.engines[0]?.slots, each.status?.draining]),
      [
        ["executor-a", 2, false],
        ["executor-b", 3, true],
      ],
    );
    await operators.setDraining({ executorId, draining: false }, operator);
    assert.equal((await operators.probe({ executorId }, operator)).ok, true);
    const { engines } = await operators.listEngines({ executorId }, await as("viewer"));
    assert.deepEqual(
      engines.map(({ status }) => status?.engine),
      ["claude-code"],
    );
    assert.deepEqual(await operators.listHooks({ executorId }, await as("viewer")), { hooks: [] });
    await assert.rejects(
      operators.setDraining({ executorId: "executor-z", draining: true }, operator),
      refusedWith("EXECUTOR_NOT_FOUND"),
    );
  });

  it("reports usage and notifications", async () => {
    const viewer = await as("viewer");
    await ended();
    await eventually(async () => {
      const { rows } = await operators.getUsage({ agentId: "alice" }, viewer);
      assert.ok(rows.some(({ agentId, runs }) => agentId === "alice" && runs > 0n));
      const { notifications } = await operators.listNotifications({}, viewer);
      assert.ok(notifications.length > 0);
    });
  });

  it("stops everything in an emergency under the proven name", async () => {
    const operator = await as("operator");
    const stop = { level: EmergencyLevel.NO_START, who: "somebody else", why: "a test" };
    const { status, confirmed } = await operators.emergencyStop(stop, operator);
    assert.deepEqual([status?.who, confirmed], ["operator-1", true]);
    const scope: GateScope = { scope: { $case: "emergency", value: true } };
    assert.deepEqual(await operators.resumeQueue({ scope, why: "over" }, operator), { resumed: true });
  });

  it("lists an executor that does not answer, with its fault and the others", async () => {
    running.get("executor-b")?.process.kill("SIGSTOP");
    try {
      const viewer = await as("viewer");
      await eventually(async () => {
        const { executors } = await operators.listExecutors({}, viewer);
        assert.deepEqual(
          executors.map(({ executorId, status }) => [executorId, status !== undefined]),
          [
            ["executor-a", true],
            ["executor-b", false],
          ],
        );
        assert.match(executors[1]?.error ?? "", /no answer within/);
      });
    } finally {
      running.get("executor-b")?.process.kill("SIGCONT");
    }
  });

  it("names a service that does not answer, without its address", async () => {
    await running.get("notification")?.stop();
    const asked = operators.listNotifications({}, { ...(await as("viewer")), timeoutMs: 20_000 });
    await assert.rejects(asked, (error) => {
      assert.ok(error instanceof CallError);
      assert.deepEqual([error.reason, error.metadata["dependency"]], ["DEPENDENCY_UNAVAILABLE", "notification"]);
      assert.equal(error.message, "the notification does not answer; call again");
      return true;
    });
  });
});

const EMPTY_FILTER = {
  agentId: "",
  states: [],
  engine: "",
  priorities: [],
  labels: {},
  createdAfter: undefined,
  createdBefore: undefined,
  errorCategories: [],
};
