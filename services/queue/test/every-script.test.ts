import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openRedisUsers, startRedis } from "@ccsp/fleet";
import { scriptSource } from "@ccsp/redis-kit";
import { startRedisCluster } from "@ccsp/testkit";
import { Cluster, Redis } from "ioredis";
import { createConversationStore } from "../src/conversations/conversation-store.js";
import { reap } from "../src/domain/due/reaper.js";
import { NO_BOUNDS } from "../src/domain/intake/bounds.js";
import { PROMPT_START_BYTES } from "../src/domain/task/task-store.js";
import { createSetLimitStore } from "../src/limits/limit-store.js";
import type { QueueKeys } from "../src/redis/keys.js";
import { createMemoryReads } from "../src/redis/memory.js";
import { createReplicas } from "../src/redis/replicas.js";
import { CHUNK_BYTES } from "../src/redis/result-chunks.js";
import { createShards } from "../src/redis/shards.js";
import { createScheduleStore } from "../src/schedules/schedule-store.js";
import { allScripts } from "./all-scripts.js";
import { scopes } from "./scopes.js";
import { watchScripts } from "./script-watch.js";
import { ENGINES, executor, LEASE_MS, newTask, startWorld, type World } from "./world.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const SHARDS = 4;

/** Stores some of every kind of data that the queue keeps in Redis. */
async function useEverything(world: World): Promise<void> {
  const { queue, store, gates, clock } = world;
  const { client } = world.redis;
  const ex = executor(world);
  const labels = ["k=v"];
  const { task } = await queue.enqueue(
    newTask(
      { labels, prompts: Buffer.alloc(2 * PROMPT_START_BYTES, "prompt"), request: { id: "one", hash: "h" } },
      SHARDS,
    ),
  );
  assert.deepEqual(await store.newestOf(task.agent, undefined, 1), { tasks: [task], next: task.id });
  assert.deepEqual(await store.findPromptStarts([task]), [Buffer.alloc(PROMPT_START_BYTES, "prompt")]);
  const [grant] = (await ex.sync()).grants;
  assert.ok(grant);
  const { fence } = grant;
  await queue.report({ id: task.id, fence, number: 1, started: { traceparent: "" }, entries: [Buffer.from("text")] });
  const conversations = createConversationStore(client, { keptMs: 60_000, shardBytes: 1_000 });
  const turn = { task: task.id, fence, engineId: "e-1", executor: "ex-1" };
  await conversations.announce(task.id, task, turn);
  await conversations.keepTranscript(task.id, fence, Buffer.from("so far"));
  assert.equal(String(await conversations.findTranscript(task.id)), "so far");
  const login = { engine: "claude-code", account: "" };
  await store.adaptBound(login, "overloaded");
  await store.adaptBound(login, "succeeded");
  ex.held.clear();
  await queue.complete(task.id, fence, Buffer.from("result"), { tokens: 5 });
  assert.equal(String((await store.readLog(task.id, 0, 10))?.result), "result");
  await conversations.dropTranscript(task.id);
  await gates.pause(scopes.all, { who: "w", why: "y" });
  await gates.resume(scopes.all, { who: "w", why: "y" });
  await store.tellWindows("{}");
  await queue.enqueue(newTask({}, SHARDS));
  const [large] = (await ex.sync()).grants;
  assert.ok(large);
  ex.held.clear();
  await queue.complete(large.task.id, large.fence, Buffer.alloc(CHUNK_BYTES + 1), {});
  await store.keepReceipt("ex-1", { id: "e", ended: [], remaining: 0 });
  await store.keepConfirmation("c", clock.now, 60_000);
  assert.equal((await Promise.all(createMemoryReads(client, SHARDS).map((read) => read()))).length, SHARDS);
  assert.equal((await store.nextDue()).seen.length, SHARDS);
  const where = { states: ["QUEUED"], classes: [], agent: "alice" } as const;
  assert.deepEqual((await store.candidates(where, 10, await store.beginScan(where))).found, []);
  await store.noticeOutage(LEASE_MS);
  await reap(world, { retentionMs: 1e9, maxEnded: 0, maxEndedBytes: 1e12 });
  assert.equal(await store.find(task.id), undefined);
  await store.raiseEmergency({ id: "e", level: "no-submit", who: "w", why: "y" }, "raise");

  const which = { agent: "alice", name: "nightly" };
  const about = { ...which, cron: "0 0 * * *", timeZone: "UTC", spec: "", missed: "skip" as const, paused: false };
  const after = { ...about, created: clock.now, next: [clock.now + 1_000] };
  const schedules = createScheduleStore(client, () => clock.now);
  assert.equal(
    await schedules.swap({ which, before: undefined, after, checkMs: clock.now + 1_000, bounded: true }),
    "ok",
  );
  assert.deepEqual(await schedules.find(which), after);
  await schedules.postpone(which, clock.now + 5_000);

  const limit = { value: 2, who: "w", why: "y", automatic: false };
  const limits = createSetLimitStore(client, () => clock.now);
  assert.equal(await limits.change(new Map([["weight/agent/alice", limit]]), false), "ok");

  const onRedisClock = createShards(client, SHARDS, { engines: ENGINES, bounds: NO_BOUNDS, retentionMs: 1e9 });
  assert.ok((await onRedisClock.now(task.id)) > 0);
  const read = ({ gates: key }: QueueKeys) => ["exists", key];
  assert.equal(await createReplicas(client, 0).isKept({ id: "", read, isShownBy: (answer) => answer === 1 }), true);
}

describe("every script of the queue", () => {
  it("runs on a Cluster of six nodes, which refuses keys of other slots", async () => {
    const server = await startRedisCluster();
    const world = await startWorld({ server, shards: SHARDS });
    try {
      await useEverything(world);
      const { client } = world.redis;
      assert.ok(client instanceof Cluster);
      const unused: string[] = [];
      for (const { file, ...script } of allScripts(client)) {
        const sha = createHash("sha1")
          .update(scriptSource({ file, ...script }))
          .digest("hex");
        const known = await Promise.all(client.nodes("master").map((node) => node.script("EXISTS", sha)));
        if (!known.flat().includes(1)) unused.push(basename(fileURLToPath(file)));
      }
      assert.deepEqual(unused, []);
    } finally {
      await world.close();
      await server.stop();
    }
  }).timeout(60_000);

  it("runs as the user that deploy/redis/users.acl gives the queue", async () => {
    const dir = await mkdtemp(join(tmpdir(), "ccsp-users-"));
    const users = await openRedisUsers({ root: ROOT, dir });
    const server = await startRedis({ users });
    const world = await startWorld({ server: { ...server, url: server.urlFor("queue") }, shards: SHARDS });
    const admin = new Redis(server.url);
    try {
      await useEverything(world);
      assert.deepEqual(await admin.call("ACL", "LOG"), []);
      const { client } = world.redis;
      for (const refused of [client.flushall(), client.keys("*"), client.get("ccsp:usage:x"), client.publish("x", "y")])
        await assert.rejects(refused, /NOPERM/);
    } finally {
      admin.disconnect();
      await world.close();
      await server.stop();
      await rm(dir, { recursive: true });
    }
  });

  it("touches no key that it does not declare", async () => {
    const server = await startRedis();
    const world = await startWorld({ server, shards: SHARDS });
    const watch = await watchScripts(server);
    try {
      await useEverything(world);
      const { scripts, undeclared } = await watch.seen();
      assert.ok(scripts >= allScripts(new Redis({ lazyConnect: true })).length);
      assert.deepEqual(undeclared, []);
    } finally {
      watch.close();
      await world.close();
      await server.stop();
    }
  });
});
