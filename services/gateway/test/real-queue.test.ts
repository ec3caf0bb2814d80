import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type CcspClient, createCcspClient, InvalidTaskError, NotFoundError, UnavailableError } from "@ccsp/client";
import { askHealth, freePort, type ManagedProcess, type RedisServer, startProcess, startRedis } from "@ccsp/fleet";
import { eventually } from "@ccsp/testkit";
import { SignJWT } from "jose";

const SECRET = "a secret of this test and of nothing else";
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Starts a service as `make build` made it, in a separate process. This is as in production, but without Consul. */
async function startService(
  name: string,
  env: Record<string, string>,
  missing: readonly string[] = [],
): Promise<ManagedProcess & { port: number }> {
  const [port, opsPort] = [await freePort(), await freePort()];
  const prefix = `CCSP_${name.toUpperCase()}`;
  const running = await startProcess({
    name,
    command: process.execPath,
    args: [`services/${name}/dist/main.js`],
    cwd: ROOT,
    env: {
      PATH: process.env["PATH"] ?? "",
      CCSP_INSTANCE: `${name}-${port}`,
      CCSP_LAME_DUCK: "0s",
      [`${prefix}_LISTEN`]: `127.0.0.1:${port}`,
      [`${prefix}_OPS_LISTEN`]: `127.0.0.1:${opsPort}`,
      CCSP_GATEWAY_HTTP_LISTEN: "127.0.0.1:0",
      ...env,
    },
  });
  await eventually(
    async () => {
      const { state, failing } = await askHealth(opsPort, 5_000);
      assert.deepEqual([state, Object.keys(failing)], ["ready", missing], running.lastLines().at(-1));
    },
    { timeoutMs: 30_000, what: `${name} to be ready` },
  );
  return { ...running, port };
}

describe("gateway in front of two real queue replicas", function () {
  this.timeout(90_000);
  let redis: RedisServer;
  let queues: (ManagedProcess & { port: number })[];
  let gateway: ManagedProcess & { port: number };
  const clients: CcspClient[] = [];

  before(async () => {
    redis = await startRedis();
    const queue = () => startService("queue", { CCSP_REDIS_URL: redis.url });
    queues = [await queue(), await queue()];
    const targets = queues.map(({ port }) => `127.0.0.1:${port}`).join(",");
    gateway = await startService("gateway", {
      CCSP_REDIS_URL: redis.url,
      CCSP_QUEUE_TARGET: `static:///${targets}`,
      CCSP_JWT_SECRET: SECRET,
    });
  });
  after(async () => {
    for (const client of clients) client.close();
    for (const running of [gateway, ...queues]) await running.stop();
    await redis.stop();
  });

  const as = (agent: string, port = gateway.port, resumeMs = 60_000): CcspClient => {
    const token = () =>
      new SignJWT({ scope: "tasks:submit tasks:read tasks:cancel" })
        .setProtectedHeader({ alg: "HS256" })
        .setSubject(agent)
        .setAudience("ccsp")
        .setExpirationTime("5m")
        .sign(new TextEncoder().encode(SECRET));
    const client = createCcspClient({ target: `127.0.0.1:${port}`, token, resumeMs });
    clients.push(client);
    return client;
  };

  it("passes the queue's message about a wrong field on to the agent", async () => {
    await assert.rejects(as("alice").submit({ prompt: "", limits: { turns: -1 } }), (error) => {
      assert.ok(error instanceof InvalidTaskError);
      assert.deepEqual(error.fields.map(({ field }) => field).toSorted(), ["spec.limits.turns", "spec.prompt"]);
      return true;
    });
  });

  it("starts while Consul is down, is ready, and refuses each call at once, so agents use another gateway", async () => {
    const env = { CCSP_REDIS_URL: redis.url, CCSP_JWT_SECRET: SECRET, CCSP_CONSUL_URL: "http://127.0.0.1:1" };
    const lonely = await startService("gateway", env, ["queue"]);
    try {
      // The gateway gives a call one second. A call that is held longer would end for another reason.
      const client = as("alice", lonely.port, 1);
      for (const call of [client.submit({ prompt: "x" }), client.get("01J00000000000000000000000")]) {
        await assert.rejects(call, (error) => {
          assert.ok(error instanceof UnavailableError);
          assert.equal(error.reason, "DEPENDENCY_UNAVAILABLE");
          return true;
        });
      }
    } finally {
      await lonely.stop();
    }
  });

  it("keeps agents apart", async () => {
    const { id } = await as("alice").submit({ prompt: "mine" });
    const bob = as("bob");
    await assert.rejects(bob.get(id), NotFoundError);
    await assert.rejects(bob.cancel(id), NotFoundError);
    for await (const task of bob.list()) assert.fail(`bob sees ${task.id}`);
  });

  it("lists the tasks that an agent's filter names", async () => {
    const carol = as("carol");
    const found = async (filter: Parameters<CcspClient["list"]>[0]): Promise<string[]> => {
      const ids: string[] = [];
      for await (const { id } of carol.list(filter)) ids.push(id);
      return ids;
    };
    const [plain, low] = [
      (await carol.submit({ prompt: "plain" })).id,
      (await carol.submit({ prompt: "low", priority: "low", labels: { repo: "web" } })).id,
    ];
    assert.deepEqual(await found({}), [low, plain]);
    assert.deepEqual(await found({ labels: { repo: "web" } }), [low]);
    assert.deepEqual(await found({ priorities: ["normal", "high"] }), [plain]);
    assert.deepEqual(await found({ engine: "claude-code", states: ["QUEUED"], pageSize: 1 }), [low, plain]);
    assert.deepEqual(await found({ createdBefore: new Date(0) }), []);
    assert.deepEqual(await found({ createdAfter: new Date(0), errorCategories: ["RATE_LIMIT"] }), []);
  });

  it("keeps one gapless stream while each replica is stopped in turn", async () => {
    const alice = as("alice");
    const { id } = await alice.submit({ prompt: "waits for an executor that never comes" });
    const sequences: number[] = [];
    const watched = (async () => {
      for await (const { sequence } of alice.watch(id)) sequences.push(sequence);
    })();
    await eventually(() => assert.deepEqual(sequences, [1]));
    const [first, second] = queues;
    assert.ok(first && second);
    assert.equal((await first.stop()).code, 0);
    queues[0] = await startService("queue", {
      CCSP_REDIS_URL: redis.url,
      CCSP_QUEUE_LISTEN: `127.0.0.1:${first.port}`,
    });
    assert.equal((await second.stop()).code, 0);
    await alice.cancel(id, "enough");
    await watched;
    assert.deepEqual(
      sequences,
      sequences.map((_, index) => index + 1),
    );
    assert.ok(sequences.length >= 2, "the end was seen");
  });

  it("stops with exit code 0 on SIGTERM, and tells a watcher to call again", async () => {
    const alice = as("alice");
    const { id } = await alice.submit({ prompt: "waits" });
    const watching = new AbortController();
    const watcher = (async () => {
      for await (const _ of alice.watch(id, { signal: watching.signal }));
    })();
    gateway.kill("SIGTERM");
    assert.deepEqual(await gateway.exited, { code: 0, signal: null });
    watching.abort(new Error("the test is over"));
    await assert.rejects(watcher, /the test is over/);
  });
});
