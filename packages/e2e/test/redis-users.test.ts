import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { createClient } from "@ccsp/grpc-kit";
import { OperatorServiceService } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { eventually } from "@ccsp/testkit";
import { Redis } from "ioredis";

/** The services that use Redis, with a key of each. */
const PLACES: Readonly<Record<string, string>> = {
  gateway: "ccsp:agents:{keys}:x",
  queue: "ccsp:queue:x",
  monitor: "ccsp:usage:x",
  notification: "ccsp:notify:x",
};
const DENIED = /NOPERM/;
const ACL_FILE = new URL("../../../deploy/redis/users.acl", import.meta.url);

describe("each service with its own user of Redis", function () {
  this.timeout(90_000);
  let world: World;
  let admin: Redis;
  const users: Redis[] = [];
  before(async () => {
    world = await startWorld({ engine: "scripted", env: { CCSP_GATEWAY_FAILED_LOGINS: "3" } });
    admin = new Redis(world.fleet.redis.url);
  });
  after(async () => {
    for (const redis of users) redis.disconnect();
    admin?.disconnect();
    await world?.close();
  });
  const as = (user: string): Redis => {
    const redis = new Redis(world.fleet.redis.urlFor(user));
    users.push(redis);
    return redis;
  };

  it("does all its work with the commands and keys of deploy/redis/users.acl, and tasks outlive a crash of Redis", async () => {
    const client = world.client("ann");
    const { ended, taskId } = await collect(client.run({ prompt: "hello", conversation: {}, labels: { k: "v" } }));
    assert.equal(ended.state, "SUCCEEDED");
    const cache = {};
    for (const prompt of ["same", "same"]) await collect(client.run({ prompt, cache }));
    await client.submitMany([{ prompt: "a" }, { prompt: "b" }]);
    const later = await client.submit({ prompt: "later", startTime: new Date(Date.now() + 3_600_000) });
    await client.explain(later.id);
    await client.estimate({ prompt: "x" });
    await client.cancel(later.id);
    const schedule = await client.schedules.put({
      name: "nightly",
      cron: "0 0 * * *",
      timeZone: "UTC",
      task: { prompt: "x" },
    });
    assert.equal((await client.schedules.list()).length, 1);
    await client.schedules.delete(schedule.name);
    await useOperators(world);
    await followTasks(world, () => client.submit({ prompt: "seen" }));

    await eventually(
      async () => {
        for (const prefix of ["agents", "queue", "events", "usage", "notify"])
          assert.notDeepEqual(await admin.keys(`ccsp:${prefix}:*`), [], prefix);
      },
      { timeoutMs: 20_000, what: "keys of every service" },
    );
    assert.deepEqual(await admin.call("ACL", "LOG"), []);

    await world.fleet.redis.kill9();
    await world.fleet.redis.restart();
    assert.equal((await client.get(taskId)).state, "SUCCEEDED");
    assert.equal((await collect(client.run({ prompt: "after" }))).ended.state, "SUCCEEDED");
    assert.deepEqual(await admin.call("ACL", "LOG"), []);
  });

  for (const user of Object.keys(PLACES)) {
    it(`refuses the ${user} the keys and channels of others, and commands about the whole of Redis`, async () => {
      const redis = as(user);
      for (const [other, key] of Object.entries(PLACES)) {
        if (other === user) continue;
        await assert.rejects(redis.eval("return redis.call('TYPE', KEYS[1])", 1, key), DENIED);
        await assert.rejects(redis.publish(key, ""), DENIED);
      }
      const about: readonly (readonly [string, ...string[]])[] = [
        ["FLUSHALL"],
        ["CONFIG", "SET", "appendonly", "no"],
        ["CONFIG", "GET", "*"],
        ["KEYS", "*"],
        ["SCAN", "0"],
        ["ACL", "LIST"],
        ["CLIENT", "LIST"],
        ["CLIENT", "KILL", "TYPE", "normal"],
        ["MONITOR"],
        ["SHUTDOWN"],
        ["REPLICAOF", "NO", "ONE"],
        ["SCRIPT", "FLUSH"],
        ["FUNCTION", "LIST"],
        ["MODULE", "LIST"],
      ];
      for (const [command, ...args] of about) await assert.rejects(redis.call(command, ...args), DENIED, command);
    });
  }

  it("lets the monitor keep statistics of agents, and neither it nor the gateway what the other keeps of them", async () => {
    const typeOf = (user: string, key: string) => as(user).eval("return redis.call('HLEN', KEYS[1])", 1, key);
    assert.equal(await typeOf("monitor", "ccsp:agents:stats:{0}:x"), 0);
    await assert.rejects(typeOf("gateway", "ccsp:agents:stats:{0}:x"), DENIED);
    await assert.rejects(typeOf("monitor", "ccsp:agents:{keys}:x"), DENIED);
  });

  it("lets nobody in without a password", async () => {
    const { host, port } = admin.options;
    const nobody = new Redis(port ?? 0, host ?? "");
    nobody.on("error", () => undefined);
    users.push(nobody);
    await assert.rejects(nobody.get("ccsp:queue:x"), /NOAUTH/);
  });

  it("gives the user of a process with all services what the services have together, and nothing more", async () => {
    // Redis 7.0 shows the rights of a user as categories and exceptions, so the file itself is compared.
    const lines = (await readFile(ACL_FILE, "utf8")).trim().split("\n");
    const rulesOf = (user: string): readonly string[] =>
      (lines.find((line) => line.startsWith(`user ${user} `)) ?? assert.fail(user))
        .split(" ")
        .filter((word) => /^[+~&%]/.test(word));
    const each = Object.keys(PLACES).map(rulesOf);
    // The gateway may only read the events. The queue may write them, so the process may too.
    const together = each.flat().filter((rule) => rule !== "%R~ccsp:events:*");
    assert.deepEqual(new Set(rulesOf("ccsp")), new Set(together));
  });
});

/** Follows an agent's tasks over the WebSocket, and then again from before its newest one. */
async function followTasks(world: World, submit: () => Promise<{ readonly id: string }>): Promise<void> {
  const headers = { authorization: `Bearer ${await world.token("ann")}` };
  const follow = async (after: { readonly after?: string }, act: () => Promise<{ readonly id: string }>) => {
    const socket = new WebSocket(`${world.fleet.httpAddress.replace("http", "ws")}/ws`, { headers });
    const seen: { readonly type: string; readonly cursor: string; readonly data?: { readonly taskId: string } }[] = [];
    socket.addEventListener("message", ({ data }) => seen.push(JSON.parse(String(data))));
    socket.addEventListener("open", () =>
      socket.send(JSON.stringify({ op: "subscribe", id: "1", topic: "tasks", ...after })),
    );
    try {
      const subscribed = () => seen.find(({ type }) => type === "subscribed") ?? assert.fail("not subscribed");
      const { cursor } = await eventually(subscribed);
      const { id } = await act();
      await eventually(() => assert.ok(seen.some(({ data }) => data?.taskId === id)));
      return { id, cursor };
    } finally {
      socket.close();
    }
  };
  const { id, cursor } = await follow({}, submit);
  await follow({ after: cursor }, async () => ({ id }));
}

/** What operators do at the gateway, with the right token, and what a stranger tries. */
async function useOperators(world: World): Promise<void> {
  const operators = createClient(OperatorServiceService, world.fleet.gatewayAddress);
  try {
    const token = await world.token("root", { scopes: ["admin"] });
    const options = { metadata: { authorization: `Bearer ${token}` } };
    const { key } = await operators.createKey({ subject: "ci", name: "for CI", scopes: ["tasks:read"] }, options);
    assert.ok(key);
    await operators.listKeys({}, options);
    await operators.rotateKey({ id: key.id }, options);
    await operators.revokeKey({ id: key.id }, options);
    const stranger = { metadata: { authorization: "Bearer ccsp_x_y" } };
    for (let tries = 0; tries < 4; tries++) await assert.rejects(operators.listKeys({}, stranger));
  } finally {
    operators.close();
  }
}
