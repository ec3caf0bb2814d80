import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { CallError, type CallOptions, type Client, createClient } from "@ccsp/grpc-kit";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually, type ServiceProcess, startServiceProcess, withinRunningTime } from "@ccsp/testkit";
import { SignJWT } from "jose";
import { type FakeQueue, startFakeQueue } from "./fake-queue.js";

const SECRET = "a secret of this test and of nothing else";
const FOLDER = fileURLToPath(new URL("..", import.meta.url));
const OFF = { CCSP_GATEWAY_ADDRESS_REQUESTS: "0", CCSP_GATEWAY_ADDRESS_CALLS: "0", CCSP_GATEWAY_ADDRESS_BYTES: "0" };
const spec = TaskSpec.fromPartial({ prompt: "hello" });

async function as(sub: string, { secret = SECRET, id = "1" } = {}): Promise<CallOptions> {
  const token = await new SignJWT({ scope: "tasks:submit tasks:read" })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(sub)
    .setAudience("ccsp")
    .setJti(id)
    .setExpirationTime("5m")
    .sign(new TextEncoder().encode(secret));
  return { metadata: { authorization: `Bearer ${token}` } };
}

/** The name of the limit that refused, with the time to wait. Undefined if the call was served. */
async function refusedBy(call: Promise<unknown>): Promise<{ limit: string; retryAfterMs: number } | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    assert.ok(error instanceof CallError, String(error));
    assert.equal(error.reason, "CALLER_LIMIT", error.message);
    return { limit: error.quota[0]?.subject ?? "", retryAfterMs: error.retryAfterMs ?? 0 };
  }
}

describe("the limits of two gateways with one Redis", function () {
  this.timeout(90_000);
  let redis: RedisServer;
  let queue: FakeQueue;
  let replicas: { process: ServiceProcess; client: Client<AgentServiceService> & { close(): void } }[];

  const startGateway = async (env: Readonly<Record<string, string>>) => {
    const process = await startServiceProcess({
      name: "gateway",
      folder: FOLDER,
      env: {
        CCSP_REDIS_URL: redis.url,
        CCSP_QUEUE_TARGET: `127.0.0.1:${queue.port}`,
        CCSP_JWT_SECRET: SECRET,
        ...OFF,
        ...env,
      },
    });
    return { process, client: createClient(AgentServiceService, process.address) };
  };
  const start = async (env: Readonly<Record<string, string>>) => {
    replicas = await Promise.all([startGateway(env), startGateway(env)]);
  };
  const replica = (index: 0 | 1) => replicas[index] ?? assert.fail("no such replica");

  before(async () => {
    [redis, queue] = [await startRedis(), await startFakeQueue()];
  });
  afterEach(async () => {
    for (const { process, client } of replicas.splice(0)) {
      client.close();
      await process.stop();
    }
  });
  after(async () => {
    await queue.close();
    await redis.stop();
  });

  const capabilities = (index: 0 | 1, options: CallOptions) =>
    refusedBy(replica(index).client.getCapabilities({}, options));
  /** Calls until the limit refuses, and returns how many calls were served before. */
  const useUp = async (index: 0 | 1, options: CallOptions) => {
    for (let served = 0; ; served++) {
      const refused = await capabilities(index, options);
      if (refused) return { served, ...refused };
    }
  };

  it("count the requests of a caller together, say how long to wait, and serve others", async () => {
    await start({ CCSP_GATEWAY_CALLER_REQUESTS: "30" });
    const alice = await as("alice");
    // All at once, so that they fall into one window of 10 s on a slow machine too.
    const outcomes = await Promise.all(Array.from({ length: 400 }, () => capabilities(0, alice)));
    const refused = outcomes.filter((each) => each !== undefined);
    assert.equal(refused.length, 100);
    for (const { limit, retryAfterMs } of refused) {
      assert.equal(limit, "requests");
      assert.ok(retryAfterMs > 0 && retryAfterMs <= 10_000, String(retryAfterMs));
    }
    const other = await useUp(1, alice);
    assert.ok(other.served < 300 / 3, `the other replica served ${other.served}`);
    assert.equal(await capabilities(1, await as("bob")), undefined);
    assert.equal(await replica(0).process.metric('rpc_server_refused_total{limit="requests"'), 100);
    await eventually(async () => assert.equal(await capabilities(1, alice), undefined), { timeoutMs: 20_000 });
  });

  it("count the calls in progress of a caller together, also after the crash of a gateway", async () => {
    await start({ CCSP_GATEWAY_CALLER_CALLS: "3" });
    const alice = await as("alice");
    const one = replica(0);
    const { task } = await one.client.submitTask({ spec }, alice);
    const watch = (client: typeof one.client, signal?: AbortSignal) =>
      client.watchTask({ taskId: task?.id ?? "" }, { ...alice, ...(signal && { signal }) })[Symbol.asyncIterator]();
    const gone = new AbortController();
    /** Tries again while the other replica's own call, which asks below, takes one of the three places. */
    const hold = async (signal?: AbortSignal): Promise<void> => {
      try {
        await watch(one.client, signal).next();
      } catch (error) {
        if (error instanceof CallError && error.reason === "CALLER_LIMIT") await hold(signal);
      }
    };
    const open = (signal?: AbortSignal) => {
      for (let i = 0; i < 3; i++) void hold(signal);
    };
    const served = async () => assert.equal(await capabilities(1, alice), undefined);
    const refused = async () => assert.equal((await capabilities(1, alice))?.limit, "calls");

    open(gone.signal);
    await eventually(refused);
    gone.abort();
    await eventually(served);
    open();
    await eventually(refused);
    one.process.process.kill("SIGKILL");
    await eventually(served, { timeoutMs: 30_000 });
  });

  it("count the bytes of a caller together: the call that exceeds them is served, and the next one is not", async () => {
    await start({ CCSP_GATEWAY_CALLER_BYTES: "100000" });
    const [alice, bob] = [await as("alice"), await as("bob")];
    // The bytes count for 10 s. So both connections are made before, and nothing is left to do but to ask.
    for (const index of [0, 1] as const) assert.equal(await capabilities(index, bob), undefined);
    const large = TaskSpec.fromPartial({ prompt: "x".repeat(2_000_000) });
    await replica(0).client.submitTask({ spec: large }, alice);
    assert.equal((await capabilities(0, alice))?.limit, "bytes");
    await eventually(async () => assert.equal((await capabilities(1, alice))?.limit, "bytes"));
    assert.equal(await capabilities(1, bob), undefined);
  });

  it("count what all callers of an address use, before they have proven anything", async () => {
    await start({ CCSP_GATEWAY_ADDRESS_REQUESTS: "10", CCSP_GATEWAY_ADDRESS_CALLS: "50" });
    const [alice, bob] = [await as("alice"), await as("bob")];
    for (let i = 0; i < 50; i++) await Promise.all([capabilities(0, alice), capabilities(0, bob)]);
    assert.equal((await capabilities(0, alice))?.limit, "address_requests");
    assert.equal((await capabilities(0, {}))?.limit, "address_requests");
  });

  it("lock out a name that fails to log in, at both, but not its proven tokens and not its neighbours", async () => {
    await start({ CCSP_GATEWAY_FAILED_LOGINS: "5" });
    const proven = await as("alice");
    await capabilities(0, proven);
    const forged = await as("alice", { secret: "another secret of this test, not the gateway's" });
    const refusal = (index: 0 | 1) =>
      replica(index)
        .client.getCapabilities({}, forged)
        .then(
          () => assert.fail("a forged token was served"),
          (error: unknown) => (error instanceof CallError ? error : assert.fail(String(error))),
        );
    const fail = async (index: 0 | 1) => (await refusal(index)).reason;
    for (let i = 0; i < 5; i++) assert.equal(await fail(0), "TOKEN_INVALID");
    const failed = performance.now();
    const next = await fail(0);
    assert.ok(next === "CALLER_LIMIT" || performance.now() - failed > 1_000, "the fifth failure locks for a second");
    await eventually(async () => assert.equal(await fail(0), "CALLER_LIMIT"));
    assert.equal((await capabilities(0, await as("alice", { id: "2" })))?.limit, "failed_logins");
    assert.equal(await capabilities(0, proven), undefined);
    assert.equal(await capabilities(0, await as("bob")), undefined);

    // The other replica learns of the series with the first failure that it sees.
    assert.equal(await fail(1), "TOKEN_INVALID");
    let failures = 1;
    // Only a forged token may ask until the lock holds: one that is served would end the series.
    await eventually(async () => {
      const { reason, retryAfterMs = 0 } = await refusal(1);
      if (reason === "TOKEN_INVALID") failures += 1;
      assert.equal(reason, "CALLER_LIMIT");
      assert.ok(retryAfterMs > 1_000, "the sixth failure locks for two seconds");
    });
    assert.ok(failures < 5, `${failures} failures here: it knows those at the other replica`);
    assert.equal((await capabilities(1, await as("alice", { id: "3" })))?.limit, "failed_logins");
    await eventually(async () => assert.equal(await capabilities(1, await as("alice", { id: "4" })), undefined));
    assert.equal(await fail(1), "TOKEN_INVALID", "the success ended the series");
  });

  it("hold at each replica while Redis hangs or is away, and no call waits for it", async () => {
    await start({ CCSP_GATEWAY_CALLER_REQUESTS: "30", CCSP_GATEWAY_CALLER_CALLS: "100" });
    const hang = () => void process.kill(redis.pid, "SIGSTOP");
    for (const [agent, end] of [
      ["alice", hang],
      ["bob", () => redis.kill9()],
    ] as const) {
      await end();
      const caller = await as(agent);
      const refused: string[] = [];
      // Many at once, so that all fall into one window of 10 s on a slow machine too.
      for (const size of [60, 60, 60, 60, 60, 1]) {
        const calls = Array.from({ length: size }, () => capabilities(0, caller));
        // A pause of the machine is not a wait for Redis.
        const outcomes = await withinRunningTime(1_000, Promise.all(calls));
        refused.push(...outcomes.flatMap((each) => (each ? [each.limit] : [])));
      }
      assert.deepEqual(refused, ["requests"], "the 301st");
    }
  });
});
