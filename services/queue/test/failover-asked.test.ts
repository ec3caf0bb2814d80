import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { Refusal } from "@ccsp/errors";
import { openRedis } from "@ccsp/redis-kit";
import { eventually, startRedisCluster, startRedisSentinel } from "@ccsp/testkit";
import { createReplicas } from "../src/redis/replicas.js";
import { replicated } from "../src/redis/replicated.js";
import { executor, log, newTask, startWorld } from "./world.js";

const SETUPS = [
  {
    kind: "Sentinels",
    async start() {
      const setup = await startRedisSentinel();
      return { setup, ask: setup.failOver, next: setup.replica };
    },
  },
  {
    kind: "a Cluster",
    async start() {
      const setup = await startRedisCluster();
      // Shard 0 has slot 13907, which is on the third master.
      const next = setup.nodes[5] ?? assert.fail();
      const ask = async (): Promise<void> => {
        const redis = await openRedis(next.url, { log, name: "operator" });
        try {
          await eventually(() => redis.client.call("cluster", "failover"), { timeoutMs: 20_000 });
        } finally {
          await redis.close();
        }
      };
      return { setup, ask, next };
    },
  },
];

/**
 * An operator asks for a failover before a machine is stopped. The old master stays alive as a replica, and its
 * connections stay open.
 */
for (const { kind, start } of SETUPS) {
  describe(`a failover on ${kind} that an operator requested`, () => {
    it("is an outage to `replicated` calls while it lasts; then they continue, and none was lost or stored twice", async () => {
      const { setup, ask, next } = await start();
      const world = await startWorld({ server: setup });
      try {
        world.clock.now = Date.now();
        const store = replicated(world.store, createReplicas(await world.redis.duplicate()));
        const worker = executor(world, { slots: 1_000 });
        const accepted: string[] = [];
        const repeated = async <T>(call: () => Promise<T>): Promise<T> => {
          for (;;) {
            try {
              return await call();
            } catch (error) {
              assert.ok(error instanceof Refusal && error.reason === "DEPENDENCY_UNAVAILABLE", String(error));
              await delay(50);
            }
          }
        };
        const over = new AbortController();
        const enqueue = async (at: number): Promise<void> => {
          for (let n = 0; !over.signal.aborted; n++) {
            const request = { id: `${at}-${n}`, hash: "h" };
            const answer = await repeated(() => store.enqueue(newTask({ request })));
            assert.ok(answer.outcome === "added" || answer.outcome === "known");
            accepted.push(answer.outcome === "added" ? answer.task.id : answer.id);
          }
        };
        const complete = async (): Promise<void> => {
          while (!over.signal.aborted) {
            for (const { task, fence } of (await repeated(() => worker.sync())).grants) {
              const end = { to: "SUCCEEDED", fence, settle: "complete", set: {} } as const;
              for (;;) {
                const outcome = await repeated(() => store.move(task, end, Buffer.from("r")));
                // A lease does not wait for replicas. A lease that the new master never got continues at the next Sync.
                if (outcome === "ahead") await repeated(() => worker.sync());
                else {
                  assert.match(outcome, /ok|done|lost/);
                  break;
                }
              }
              worker.held.delete(task.id);
            }
          }
        };
        const all = Promise.all([...Array.from({ length: 4 }, (_, at) => enqueue(at)), complete()]);
        try {
          const goesOn = async (what: string): Promise<void> => {
            const before = accepted.length;
            await Promise.race([
              eventually(() => assert.ok(accepted.length > before + 20), { timeoutMs: 20_000, what }),
              all,
            ]);
          };
          await goesOn("tasks");
          await ask();
          await eventually(
            async () => {
              const redis = await openRedis(next.url, { log, name: "look" });
              try {
                assert.match(await redis.client.info("replication"), /role:master[^]*state=online/);
              } finally {
                await redis.close();
              }
            },
            { timeoutMs: 30_000, what: "the replica as master" },
          );
          await goesOn("tasks after the failover");
          await goesOn("and more");
        } finally {
          over.abort();
          await all;
        }
        assert.equal(new Set(accepted).size, accepted.length);
        assert.equal((await world.store.findAll(accepted)).length, accepted.length);
      } finally {
        await world.close();
        await setup.stop();
      }
    }).timeout(90_000);
  });
}
