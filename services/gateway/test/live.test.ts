import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type CcspClient, createCcspClient } from "@ccsp/client";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { createClient } from "@ccsp/grpc-kit";
import { ROLES } from "@ccsp/identity";
import { OperatorServiceService } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { PauseQueueRequest } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import { eventually, type ServiceProcess, startServiceProcess } from "@ccsp/testkit";
import { Redis } from "ioredis";
import { SignJWT } from "jose";
import { type LiveClient, openLive } from "./live-client.js";

const SECRET = "a secret of this test and of nothing else";
const PATIENCE = { timeoutMs: 45_000 };

const tokenOf = (sub: string, scopes: readonly string[] = ROLES.agent, seconds = 600) =>
  new SignJWT({ scope: scopes.join(" ") })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(sub)
    .setAudience("ccsp")
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1_000) + seconds)
    .sign(new TextEncoder().encode(SECRET));

describe("the WebSocket of the gateway", function () {
  this.timeout(120_000);
  let redis: RedisServer;
  let admin: Redis;
  let queue: ServiceProcess;
  let gateway: ServiceProcess;
  const clients: { close(): void }[] = [];

  const start = (name: string, env: Record<string, string>) =>
    startServiceProcess({
      name,
      folder: fileURLToPath(new URL(`../../${name}`, import.meta.url)),
      env: { PATH: process.env["PATH"] ?? "", CCSP_REDIS_URL: redis.url, CCSP_HEARTBEAT: "0s", ...env },
    });
  const startGateway = () =>
    start("gateway", {
      CCSP_QUEUE_TARGET: queue.address,
      CCSP_JWT_SECRET: SECRET,
      CCSP_QUEUE_SHARDS: "2",
      CCSP_GATEWAY_CALLER_WEBSOCKETS: "5",
    });

  before(async () => {
    redis = await startRedis();
    admin = new Redis(redis.url);
    queue = await start("queue", { CCSP_QUEUE_SHARDS: "2" });
    gateway = await startGateway();
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  after(async () => {
    await gateway?.stop();
    await queue?.stop();
    admin?.disconnect();
    await redis?.stop();
  });

  const connect = (headers: Readonly<Record<string, string>> = {}): LiveClient => {
    const client = openLive(gateway.httpAddress, headers);
    clients.push(client);
    return client;
  };
  const as = async (who: string, scopes?: readonly string[]): Promise<LiveClient> =>
    connect({ authorization: `Bearer ${await tokenOf(who, scopes)}` });
  const subscribed = async (client: LiveClient, id: string, more: object = {}) => {
    client.send({ op: "subscribe", id, topic: "tasks", ...more });
    return (await client.latest("subscribed", id)).cursor ?? assert.fail();
  };
  const sdk = (agent: string): CcspClient => {
    const client = createCcspClient({ target: gateway.address, token: () => tokenOf(agent), connectMs: 60_000 });
    clients.push(client);
    return client;
  };
  const submit = async (client: CcspClient, many: number): Promise<string[]> => {
    const ids: string[] = [];
    for (let at = 0; at < many; at += 1) ids.push((await client.submit({ prompt: "waits" })).id);
    return ids;
  };
  const enqueued = (ids: readonly string[]): string[] => ids.map((id) => `task.enqueued ${id}`);

  it("shows each event once, in order of its shard, with its sequence and the whole event", async () => {
    const live = await as("ann");
    assert.equal((await live.latest("ready")).subject, "ann");
    await subscribed(live, "1");
    const ann = sdk("ann");
    const ids = await submit(ann, 20);
    await ann.cancel(ids[0] ?? "", "enough");
    await eventually(() => assert.equal(live.events().length, 21), PATIENCE);
    assert.deepEqual(live.events().toSorted(), [...enqueued(ids), `task.cancelled ${ids[0]}`].toSorted());
    const events = live.messages.filter(({ type }) => type === "event");
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      events.map((_, at) => at + 1),
    );
    const one = events.find(({ name }) => name === "task.cancelled");
    assert.partialDeepStrictEqual(one, {
      topic: "tasks",
      data: { taskId: ids[0], agentId: "ann", taskCancelled: { reason: "enough", priority: "NORMAL" } },
    });
    live.send({ op: "unsubscribe", id: "1" });
    await live.latest("unsubscribed");
    await submit(ann, 1);
    await subscribed(live, "2");
    await submit(ann, 1);
    await eventually(() => assert.equal(live.events("2").length, 1), PATIENCE);
    assert.equal(live.events("1").length, 21);
  });

  it("shows agents their own tasks only, and operators those of all, or of one agent or task", async () => {
    const [ann, bob] = [sdk("ann"), sdk("bob")];
    const [own, all, ofBob] = [await as("ann"), await as("root", ROLES.operator), await as("root", ROLES.operator)];
    await subscribed(own, "1");
    await subscribed(all, "1");
    await subscribed(ofBob, "1", { filter: { agentId: "bob" } });
    const [[mine = ""], [his = ""], [other = ""]] = [await submit(ann, 1), await submit(bob, 1), await submit(bob, 1)];
    await subscribed(own, "his", { filter: { taskId: his } });
    await subscribed(all, "his", { filter: { taskId: his } });
    await bob.cancel(his, "");
    await ann.cancel(mine, "");
    await eventually(() => {
      assert.deepEqual(own.events(), [`task.enqueued ${mine}`, `task.cancelled ${mine}`]);
      assert.equal(all.events("1").length, 5);
      assert.deepEqual(all.events("his"), [`task.cancelled ${his}`]);
      assert.deepEqual(ofBob.events().toSorted(), [...enqueued([his, other]), `task.cancelled ${his}`].toSorted());
    }, PATIENCE);
    own.send({ op: "subscribe", id: "2", topic: "tasks", filter: { agentId: "bob" } });
    assert.equal((await own.latest("error", "2")).reason, "SCOPE_MISSING");
    own.send({ op: "subscribe", id: "3", topic: "queue" });
    assert.equal((await own.latest("error", "3")).reason, "SCOPE_MISSING");
  });

  it("continues after a cursor without a gap and without a repeat, over a kill and a restart of the gateway", async () => {
    const ann = sdk("ann");
    const first = await as("ann");
    await subscribed(first, "1");
    const before = await submit(ann, 5);
    await eventually(() => assert.equal(first.events().length, 5), PATIENCE);
    const half = first.messages.filter(({ type }) => type === "event")[2];
    const { cursor } = first.messages.at(-1) ?? assert.fail();

    gateway.process.kill("SIGKILL");
    await gateway.process.exited;
    await first.closed;
    const direct = createCcspClient({
      target: (await startAside()).address,
      token: () => tokenOf("ann"),
      connectMs: 60_000,
    });
    clients.push(direct);
    // More than a page of earlier events, while nobody follows.
    const meanwhile = await submit(direct, 250);
    gateway = await startGateway();

    const [second, third] = [await as("ann"), await as("ann")];
    await subscribed(second, "1", { after: cursor });
    await subscribed(third, "1", { after: half?.cursor });
    const later = await submit(direct, 20);
    const wanted = enqueued([...meanwhile, ...later]);
    await eventually(() => assert.equal(second.events().length, wanted.length), PATIENCE);
    assert.deepEqual(second.events().toSorted(), wanted.toSorted());
    const seen = first.events().slice(0, 3);
    await eventually(() => assert.equal(third.events().length, wanted.length + 2), PATIENCE);
    assert.deepEqual([...seen, ...third.events()].toSorted(), [...enqueued(before), ...wanted].toSorted());
  });

  /** Another gateway of the same installation. It stops with the test. */
  async function startAside(): Promise<ServiceProcess> {
    const aside = await startGateway();
    clients.push({ close: () => void aside.stop() });
    return aside;
  }

  it("resumes at another gateway, and tells a reader whose place is gone that it has missed events", async () => {
    const ann = sdk("ann");
    const here = await as("ann");
    const cursor = await subscribed(here, "1");
    const ids = await submit(ann, 3);
    await eventually(() => assert.equal(here.events().length, 3), PATIENCE);
    const there = openLive((await startAside()).httpAddress, { authorization: `Bearer ${await tokenOf("ann")}` });
    clients.push(there);
    await subscribed(there, "1", { after: cursor });
    await eventually(() => assert.deepEqual(there.events().toSorted(), enqueued(ids).toSorted()), PATIENCE);

    for (const [at, gone] of ["1-0.1-0", "zzzzzzzzz-0.zzzzzzzzz-0", "1-0"].entries()) {
      if (at === 0) for (const shard of [0, 1]) await admin.xtrim(`ccsp:events:{${shard}}`, "MAXLEN", 0);
      await subscribed(here, gone, { after: gone });
      assert.equal((await here.latest("missed", gone)).count, 0);
    }
    const [next] = await submit(ann, 1);
    await eventually(() => assert.deepEqual(here.events("1-0"), [`task.enqueued ${next}`]), PATIENCE);
  });

  it("sends the state of the queue at once and after each change, and of a topic whose service is away the reason", async () => {
    const live = await as("root", ROLES.operator);
    live.send({ op: "subscribe", id: "q", topic: "queue" });
    live.send({ op: "subscribe", id: "a", topic: "alerts" });
    assert.deepEqual((await live.latest("snapshot", "q")).data?.gates, []);
    assert.equal((await live.latest("error", "a")).reason, "DEPENDENCY_UNAVAILABLE");
    const operators = createClient(OperatorServiceService, gateway.address);
    clients.push(operators);
    const metadata = { authorization: `Bearer ${await tokenOf("root", ROLES.operator)}` };
    await operators.pauseQueue(
      PauseQueueRequest.fromPartial({ scope: { scope: { $case: "all", value: true } }, why: "a test" }),
      { metadata },
    );
    await eventually(async () => assert.equal((await live.latest("snapshot", "q")).data?.gates?.length, 1), PATIENCE);
    assert.equal((await live.latest("event", "q")).name, "gate.closed");
  });
});
