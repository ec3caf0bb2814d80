import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type CcspClient, createCcspClient } from "@ccsp/client";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { ROLES } from "@ccsp/identity";
import { TaskEnded, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually, type ServiceProcess, startServiceProcess } from "@ccsp/testkit";
import { SignJWT } from "jose";
import { type FakeQueue, startFakeQueue } from "./fake-queue.js";
import { type LiveClient, openLive } from "./live-client.js";

const SECRET = "a secret of this test and of nothing else";
const PATIENCE = { timeoutMs: 45_000 };

const tokenOf = (sub: string, scopes: readonly string[] = ROLES.agent) =>
  new SignJWT({ scope: scopes.join(" ") })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(sub)
    .setAudience("ccsp")
    .setExpirationTime("5m")
    .sign(new TextEncoder().encode(SECRET));

describe("the log of a task over the WebSocket", function () {
  this.timeout(120_000);
  let redis: RedisServer;
  let queue: FakeQueue;
  let gateway: ServiceProcess;
  let ann: CcspClient;
  const lines: string[] = [];
  const clients: LiveClient[] = [];

  before(async () => {
    redis = await startRedis();
    queue = await startFakeQueue();
    gateway = await startServiceProcess({
      name: "gateway",
      folder: fileURLToPath(new URL("..", import.meta.url)),
      env: {
        PATH: process.env["PATH"] ?? "",
        CCSP_REDIS_URL: redis.url,
        CCSP_HEARTBEAT: "0s",
        CCSP_JWT_SECRET: SECRET,
        CCSP_QUEUE_TARGET: `static:///127.0.0.1:${queue.port}`,
        CCSP_GATEWAY_CALLER_CALLS: "3",
      },
      onLine: (line) => lines.push(line),
    });
    ann = createCcspClient({ target: gateway.address, token: () => tokenOf("ann"), connectMs: 60_000 });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await eventually(() => assert.equal(queue.watchers(), 0), PATIENCE);
  });
  after(async () => {
    ann?.close();
    await gateway?.stop();
    await queue?.close();
    await redis?.stop();
  });

  const as = async (who: string, scopes?: readonly string[]): Promise<LiveClient> => {
    const client = openLive(gateway.httpAddress, { authorization: `Bearer ${await tokenOf(who, scopes)}` });
    clients.push(client);
    return client;
  };
  const follow = (client: LiveClient, id: string, taskId: string, more: object = {}): void =>
    client.send({ op: "subscribe", id, topic: "log", filter: { taskId }, ...more });
  const write = (taskId: string, ...texts: readonly string[]): void => {
    for (const text of texts) queue.append(taskId, { $case: "textDelta", value: { text, message: 0 } });
  };
  const end = (taskId: string): void =>
    queue.append(taskId, { $case: "taskEnded", value: TaskEnded.fromPartial({ state: TaskState.SUCCEEDED }) });
  const texts = (client: LiveClient, id: string): readonly (string | undefined)[] =>
    client.messages.filter((each) => each.type === "event" && each.id === id).map(({ data }) => data?.textDelta?.text);
  const task = async (): Promise<string> => (await ann.submit({ prompt: "writes" })).id;

  it("comes from its beginning, goes on as it is written, and says when it has ended", async () => {
    const [taskId, live] = [await task(), await as("ann")];
    write(taskId, "one", "two");
    follow(live, "1", taskId);
    await eventually(() => assert.deepEqual(texts(live, "1"), ["one", "two"]), PATIENCE);
    assert.partialDeepStrictEqual(live.messages.at(-1), {
      ...{
        topic: "log",
        sequence: 2,
        cursor: "2",
        name: "textDelta",
        data: { sequence: 2, textDelta: { text: "two" } },
      },
    });
    write(taskId, "three");
    end(taskId);
    assert.deepEqual(await live.latest("ended", "1"), { type: "ended", id: "1", topic: "log" });
    assert.equal(texts(live, "1").length, 4);
    follow(live, "1", taskId, { after: "2" });
    await eventually(() => assert.deepEqual(texts(live, "1").slice(4), ["three", undefined]), PATIENCE);
  });

  it("comes whole, with entries of megabytes, and what else the connection follows comes beside it", async () => {
    const [taskId, live] = [await task(), await as("ann")];
    const large = "x".repeat(3_000_000);
    write(taskId, large, ...Array.from({ length: 2_000 }, (_, at) => `word-${at}`), large);
    live.send({ op: "subscribe", id: "tasks", topic: "tasks" });
    follow(live, "1", taskId);
    await eventually(() => assert.equal(texts(live, "1").length, 2_002), PATIENCE);
    const sequences = live.messages
      .filter(({ id, type }) => id === "1" && type === "event")
      .map((each) => each.sequence);
    assert.deepEqual(
      sequences,
      sequences.map((_, at) => at + 1),
    );
    assert.equal(texts(live, "1").at(-1)?.length, large.length);
  });

  it("is for the agent of the task and for operators, without its texts for those who may not read them", async () => {
    const taskId = await task();
    write(taskId, "a secret");
    const [bob, operator, viewer] = [await as("bob"), await as("root", ROLES.admin), await as("eve", ROLES.viewer)];
    for (const client of [bob, operator, viewer]) follow(client, "1", taskId);
    assert.equal((await bob.latest("ended", "1")).reason, "TASK_NOT_FOUND");
    await eventually(() => assert.deepEqual(texts(operator, "1"), ["a secret"]), PATIENCE);
    await eventually(() => assert.deepEqual(texts(viewer, "1"), [""]), PATIENCE);
  });

  it("ends when a new token shows less of it, and when its reader leaves", async () => {
    const [taskId, live] = [await task(), await as("root", ["tasks:read-all", "prompts:read"])];
    write(taskId, "a secret");
    follow(live, "1", taskId);
    await live.latest("event", "1");
    live.send({ op: "auth", token: await tokenOf("root", ["tasks:read-all"]) });
    assert.equal((await live.latest("error", "1")).reason, "SCOPE_MISSING");
    await eventually(() => assert.equal(queue.watchers(), 0), PATIENCE);
    write(taskId, "another secret");
    follow(live, "2", taskId);
    await eventually(() => assert.deepEqual(texts(live, "2"), ["", ""]), PATIENCE);
    live.send({ op: "unsubscribe", id: "2" });
    await live.latest("unsubscribed", "2");
    await eventually(() => assert.equal(queue.watchers(), 0), PATIENCE);
    assert.deepEqual(texts(live, "1"), ["a secret"]);
    assert.ok(lines.some((line) => line.includes('"audit":true') && line.includes('"method":"watchTask"')));
  });

  it("goes on at another replica of the queue, and counts as a call in progress", async () => {
    const [taskId, live] = [await task(), await as("ann")];
    write(taskId, "one");
    follow(live, "1", taskId);
    follow(live, "2", taskId);
    await eventually(() => assert.equal(texts(live, "2").length, 1), PATIENCE);
    follow(live, "3", taskId);
    assert.equal((await live.latest("error", "3")).reason, "CALLER_LIMIT");
    await queue.restart();
    write(taskId, "two");
    await eventually(() => assert.deepEqual(texts(live, "1"), ["one", "two"]), PATIENCE);
  });

  it("is refused without a task, at an invalid place, and to those who may not see it", async () => {
    const live = await as("ann");
    const faults: readonly (readonly [object, string])[] = [
      [{ topic: "log" }, "filter"],
      [{ topic: "log", filter: {} }, "filter.taskId"],
      [{ topic: "log", filter: { taskId: "t" }, after: "1-0.1-0" }, "after"],
      [{ topic: "tail", filter: { taskId: "t" }, after: "1" }, "after"],
    ];
    for (const [message, field] of faults) {
      live.send({ op: "subscribe", id: "1", ...message });
      await eventually(() => assert.equal(live.messages.at(-1)?.fields?.[0]?.field, field), PATIENCE);
    }
    // A client leaves what ended a moment ago.
    for (let at = 0; at < 6; at += 1) live.send({ op: "unsubscribe", id: "gone" });
    live.send({ op: "subscribe", id: "2", topic: "tail", filter: { taskId: "t" } });
    assert.equal((await live.latest("error", "2")).reason, "SCOPE_MISSING");
  });
});
