import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { Refusal } from "@ccsp/errors";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { eventually, type RedisSentinel, startRedisSentinel } from "@ccsp/testkit";
import { pino } from "pino";
import type { TaskStore } from "../src/domain/store.js";
import type { Move } from "../src/domain/task/move.js";
import { queueKeys } from "../src/redis/keys.js";
import { createReplicas } from "../src/redis/replicas.js";
import { replicated, warnOfUnasked } from "../src/redis/replicated.js";
import { executor, newTask, startWorld, type World } from "./world.js";

const unconfirmed = { reason: "DEPENDENCY_UNAVAILABLE" };

describe("a failover of Redis", () => {
  let setup: RedisSentinel;
  let world: World;
  let second: RedisServer | undefined;
  beforeEach(async () => {
    setup = await startRedisSentinel();
    world = await startWorld({ server: setup });
    // Calls about older ends do not wait for replicas, so the clock shows the present time.
    world.clock.now = Date.now();
  });
  afterEach(async () => {
    await world?.close();
    await second?.stop();
    await setup?.stop();
    second = undefined;
  });

  const isMaster = async (port: number) =>
    assert.match(await world.redis.client.info("server"), new RegExp(`tcp_port:${port}`));

  /** Enqueues without a pause. Repeats each task with its request id until the task is accepted. */
  const enqueuer = (store: TaskStore, agent: string) => {
    const accepted: string[] = [];
    const state = { running: true, refused: 0 };
    const one = async (request: string): Promise<void> => {
      for (;;) {
        try {
          const answer = await store.enqueue(newTask({ agent, request: { id: request, hash: "h" } }));
          assert.ok(answer.outcome === "added" || answer.outcome === "known");
          return void accepted.push(answer.outcome === "added" ? answer.task.id : answer.id);
        } catch (error) {
          assert.ok(error instanceof Refusal && error.reason === "DEPENDENCY_UNAVAILABLE", String(error));
          state.refused++;
          await delay(50);
        }
      }
    };
    let requests = 0;
    const loops = Array.from({ length: 8 }, async () => {
      while (state.running) await one(`${agent}-${requests++}`);
    });
    return {
      accepted,
      requests: () => requests,
      refused: () => state.refused,
      async finish() {
        state.running = false;
        await Promise.all(loops);
      },
    };
  };

  it("with replicated acceptance loses no accepted task; a client that repeats has each task once", async () => {
    const safe = enqueuer(replicated(world.store, createReplicas(await world.redis.duplicate())), "safe");
    const local = enqueuer(world.store, "local");
    await eventually(() => assert.ok(Math.min(safe.accepted.length, local.accepted.length) > 20));
    // From now on the replica hears nothing. It falls behind, so everything that only the master has is lost for
    // certain.
    process.kill(setup.replica.pid ?? 0, "SIGSTOP");
    await world.redis.client.call("CLIENT", "KILL", "TYPE", "replica");
    const before = local.accepted.length;
    await eventually(() => assert.ok(local.accepted.length > before + 20));
    const acceptedByThen = { safe: [...safe.accepted], local: [...local.accepted] };
    // Not earlier, because a busy machine may stop the living master for half a second.
    await setup.failOverAfter(500);
    await setup.master.kill9();
    process.kill(setup.replica.pid ?? 0, "SIGCONT");

    await eventually(() => isMaster(setup.replica.port), { timeoutMs: 20_000, what: "a new master" });
    const lost = async (ids: readonly string[]) => {
      const there = await Promise.all(ids.map((id) => world.redis.client.hexists(queueKeys(0).tasks, id)));
      return ids.filter((_, i) => there[i] === 0);
    };
    assert.deepEqual(await lost(acceptedByThen.safe), []);
    assert.ok(
      (await lost(acceptedByThen.local)).length > 0,
      "without replication, tasks that only the master had are lost",
    );

    // While the new master has no replica, it confirms nothing.
    const [waiting, refused] = [safe.accepted.length, safe.refused()];
    await eventually(() => assert.ok(safe.refused() > refused + 16), { timeoutMs: 20_000, what: "refusals" });
    assert.equal(safe.accepted.length, waiting);
    second = await startRedis({ args: ["--replicaof", "127.0.0.1", String(setup.replica.port)] });
    await eventually(() => assert.ok(safe.accepted.length > waiting), { timeoutMs: 20_000, what: "a second replica" });
    await Promise.all([safe.finish(), local.finish()]);
    assert.deepEqual(await lost(safe.accepted), []);
    assert.equal(new Set(safe.accepted).size, safe.requests(), "each request created one task");
    assert.equal((await world.store.listIds("safe", undefined, 100_000)).length, safe.requests());
  }).timeout(60_000);

  it("with replicated ends confirms no Complete that the next master does not have", async () => {
    const store = replicated(world.store, createReplicas(await world.redis.duplicate()));
    await store.enqueue(newTask());
    const [grant] = (await executor(world).sync()).grants;
    assert.ok(grant);
    process.kill(setup.replica.pid ?? 0, "SIGSTOP");
    const end = { to: "SUCCEEDED", fence: grant.fence, settle: "complete", set: {} } as const;
    const complete = () => store.move(grant.task, end, Buffer.from("r"));
    const both = replicated(world.store, createReplicas(await world.redis.duplicate(), 2));
    await assert.rejects(complete(), unconfirmed);
    const ended = await store.find(grant.task.id);
    assert.equal(ended?.state, "SUCCEEDED");
    await assert.rejects(store.findConfirmed(ended.id), unconfirmed, "nor is the end returned with the task");
    await assert.rejects(store.readLog(ended.id, 0, 10), unconfirmed, "nor is it streamed to a watcher");
    process.kill(setup.replica.pid ?? 0, "SIGCONT");
    // A replica that stands still for a second confirms nothing, and callers repeat.
    assert.equal(await eventually(complete), "done");
    assert.deepEqual(await eventually(() => store.findConfirmed(ended.id)), ended);
    const page = await eventually(() => store.readLog(ended.id, 0, 10));
    assert.deepEqual(page, await world.store.readLog(ended.id, 0, 10));
    await assert.rejects(both.move(grant.task, end, Buffer.from("r")), unconfirmed);
  }).timeout(60_000);

  it("warns an operator whose Redis has more replicas than must confirm", async () => {
    const warned: unknown[] = [];
    const told = pino({ level: "warn" }, { write: (line) => void warned.push(JSON.parse(line)) });
    await warnOfUnasked(world.redis.client, 1, told);
    assert.deepEqual(warned, []);
    await warnOfUnasked(world.redis.client, 0, told);
    assert.equal(warned.length, 1);
  }).timeout(60_000);

  it("returns and shows no end from an old master that differs on the new one", async () => {
    await world.store.enqueue(newTask());
    const [grant] = (await executor(world).sync()).grants;
    assert.ok(grant);
    const endWith = (fence: number) =>
      ({ to: "SUCCEEDED", fence, settle: "complete", set: {} }) as const satisfies Move;
    assert.equal(await world.store.move(grant.task, endWith(grant.fence), Buffer.from("r")), "ok");
    const task = await world.store.find(grant.task.id);
    assert.ok(task);
    const page = await world.store.readLog(task.id, 0, 10);
    assert.ok(page);
    const before = { ...task, ended: (task.ended ?? 0) - 1 };
    // Answers as an old master does, while the connection that asks for confirmations is with the new master.
    const old = {
      ...world.store,
      move: async () => "ok",
      find: async () => before,
      readLog: async () => ({ ...page, task: before }),
    } satisfies TaskStore;
    const store = replicated(old, createReplicas(await world.redis.duplicate()));
    await assert.rejects(store.move(task, endWith(grant.fence - 1)), unconfirmed);
    await assert.rejects(store.findConfirmed(task.id), unconfirmed);
    await assert.rejects(store.readLog(task.id, 0, 10), unconfirmed);
    assert.equal(await eventually(() => store.move(task, endWith(grant.fence))), "ok");
  }).timeout(60_000);
});
