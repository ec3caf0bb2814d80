import assert from "node:assert/strict";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import type { SetLimitsRequest } from "@ccsp/protos/ccsp/queue/v1/limit.js";
import { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually, type LeakCheck, leakCheck } from "@ccsp/testkit";
import { status } from "@grpc/grpc-js";
import { Redis } from "ioredis";
import { limitsKey } from "../src/redis/keys.js";
import { type QueueClient, refused, serveReplica, spec, syncRequest } from "./grpc-world.js";
import { startQueue } from "./start-queue.js";
import { startWorld, type World } from "./world.js";

const weight = (name: string, value: number) => ({ name, value: { value: { $case: "weight" as const, value } } });
const rate = (name: string, startsPerMinute: number, tokensPerMinute = 0) => ({
  name,
  value: { value: { $case: "rate" as const, value: { startsPerMinute, tokensPerMinute } } },
});
const seconds = (count: number) => ({ seconds: BigInt(count), nanos: 0 });
const asked = (
  changes: readonly Partial<SetLimitsRequest["changes"][number]>[],
  more: Partial<SetLimitsRequest> = {},
): SetLimitsRequest => ({
  changes: changes.map((change) => ({
    name: "",
    value: undefined,
    endTime: undefined,
    endAfter: undefined,
    ...change,
  })),
  who: "ada",
  why: "too much",
  automatic: false,
  ...more,
});

describe("limits that are set while the queue runs", () => {
  for (const shards of [1, 3]) {
    describe(`in two replicas with ${shards} shards`, () => {
      let redis: RedisServer | undefined;
      let redisUrl: string;
      let leaks: LeakCheck;
      let replicas: Awaited<ReturnType<typeof startQueue>>[];
      // One after the other: when one does not start, no other one is on its way, and what has started is stopped.
      const startReplicas = async () => {
        replicas = [];
        const env = { CCSP_QUEUE_SHARDS: String(shards) };
        for (let n = 0; n < 2; n += 1) replicas.push(await startQueue(redisUrl, env));
      };
      beforeEach(async () => {
        [redis, replicas] = [undefined, []];
        leaks = leakCheck();
        redis = await startRedis();
        redisUrl = redis.url;
        await startReplicas();
      });
      afterEach(async () => {
        await Promise.all(replicas.map((each) => each.stop()));
        await redis?.stop();
        await leaks.check();
      });

      /** Claims through the second replica, and returns the granted tasks' classes and agents. */
      let sequence = 0n;
      const claim = async (freeSlots: number) => {
        const engines = [{ engine: "claude-code", freeSlots, version: "1", account: "team", slots: freeSlots }];
        const { leases } = await replicas[1]!.client.sync(
          syncRequest({ executorId: `ex-${++sequence}`, sequence: 1n, engines }),
        );
        return leases;
      };
      const value = async (name: string) => {
        const { limits } = await replicas[1]!.client.getLimits({});
        return limits.find((each) => each.name === name);
      };

      it("bound the claims of the other replica by the new rate, and let more start when they are reset", async () => {
        for (let i = 0; i < 12; i++) await replicas[0]!.client.enqueue({ agentId: "alice", spec: spec() });
        // A shard has its share of the rate of a login. Alice's tasks are in one shard.
        await replicas[0]!.client.setLimits(asked([rate("rate/account/claude-code/team", 3 * shards)]));
        await eventually(async () => assert.equal((await value("rate/account/claude-code/team"))?.source?.who, "ada"));
        await waitForOrder(replicas[1]!.client);
        assert.equal((await claim(9)).length, 3);
        assert.equal((await claim(9)).length, 0);

        const waiting = replicas[1]!.client.sync(
          syncRequest({
            executorId: "waits",
            engines: [{ engine: "claude-code", freeSlots: 9, version: "1", account: "team", slots: 9 }],
            maxWait: seconds(15),
          }),
          { timeoutMs: 20_000 },
        );
        await replicas[0]!.client.setLimits(asked([{ name: "rate/account/claude-code/team" }]));
        assert.equal((await waiting).leases.length, 9, "a waiting executor is woken by the reset");
      });

      it("let throttled agents run again when their rate is raised", async () => {
        for (let i = 0; i < 6; i++) await replicas[0]!.client.enqueue({ agentId: "alice", spec: spec() });
        await replicas[0]!.client.setLimits(asked([rate("rate/agent/alice", 1)]));
        await waitForOrder(replicas[1]!.client);
        await eventually(async () => assert.equal((await claim(1)).length, 1));
        assert.equal((await claim(5)).length, 0);
        await replicas[0]!.client.setLimits(asked([rate("rate/agent/alice", 100)]));
        await eventually(async () => assert.ok((await claim(5)).length > 0));
      });

      it("survive a restart of every replica", async () => {
        await replicas[0]!.client.setLimits(asked([weight("weight/agent/alice", 7)]));
        await Promise.all(replicas.map((each) => each.stop()));
        await startReplicas();
        const limit = await value("weight/agent/alice");
        assert.deepEqual(limit?.value?.value, { $case: "weight", value: 7 });
        assert.deepEqual(limit?.defaultValue?.value, { $case: "weight", value: 1 });
        assert.deepEqual([limit?.source?.who, limit?.source?.why], ["ada", "too much"]);
      });

      it("are left out when a release that is newer has stored a limit that this one does not know", async () => {
        const raw = new Redis(redisUrl);
        const stored = { value: 3, who: "next", why: "w", set: 1, automatic: false };
        await raw.hset(limitsKey, "bound/later", JSON.stringify(stored));
        raw.disconnect();
        await replicas[0]!.client.setLimits(asked([weight("weight/class/low", 2)]));
        assert.deepEqual((await value("weight/class/low"))?.value?.value, { $case: "weight", value: 2 });
        assert.equal(await value("bound/later"), undefined);
      });
    });
  }

  describe("with a clock that the test moves", () => {
    let world: World;
    let queue: QueueClient;
    let close: () => Promise<void>;
    const open = async (options: Parameters<typeof serveReplica>[1] = {}) => {
      ({ client: queue, close } = await serveReplica(world, options));
    };
    before(async () => {
      world = await startWorld();
    });
    after(() => world.close());
    beforeEach(() => world.reset());
    afterEach(() => close());

    const faultOf = async (request: SetLimitsRequest) => {
      const error = await refused(queue.setLimits(request), status.INVALID_ARGUMENT, "INVALID_FIELD");
      return error.fields.map(({ field, description }) => `${field}: ${description}`).join("; ");
    };
    const inForce = async () =>
      (await queue.getLimits({})).limits.flatMap(({ name, source }) => (source ? [[name, source.who]] : []));

    it("give the classes the turns of their new weights", async () => {
      await open();
      for (let i = 0; i < 20; i++) {
        await queue.enqueue({ agentId: "a", spec: spec({ priority: Priority.HIGH }) });
        await queue.enqueue({ agentId: "b", spec: spec({ priority: Priority.LOW }) });
      }
      await queue.setLimits(asked([weight("weight/class/high", 1), weight("weight/class/low", 3)]));
      const engines = [{ engine: "claude-code", freeSlots: 12, version: "1", account: "", slots: 12 }];
      const { leases } = await queue.sync(syncRequest({ engines }));
      assert.equal(leases.filter(({ spec: of }) => of?.priority === Priority.LOW).length, 9, "3 of 4 turns");
    });

    it("end at their time: the setting is in force again without a call", async () => {
      await open();
      const { limits } = await queue.setLimits(asked([{ ...rate("rate/agent/*", 1), endAfter: seconds(600) }]));
      assert.equal(limits[0]?.source?.endTime?.getTime(), world.clock.now + 600_000);
      for (let i = 0; i < 3; i++) await queue.enqueue({ agentId: "alice", spec: spec() });
      const engines = [{ engine: "claude-code", freeSlots: 3, version: "1", account: "", slots: 3 }];
      const first = await queue.sync(syncRequest({ engines }));
      assert.equal(first.leases.length, 1);
      world.clock.now += 600_001;
      assert.deepEqual(await inForce(), []);
      // The wake-up of the next change makes the replica look at once; its own tick does so every second.
      const held = first.leases.map(({ taskId, fence }) => ({ taskId, fence }));
      let next = 2n;
      await eventually(async () => {
        const { leases } = await queue.sync(syncRequest({ sequence: next++, leases: held, engines }));
        assert.equal(leases.length, 2);
      });
    });

    it("of a person stay as they are when a program decides by itself, until the person resets them", async () => {
      await open();
      const monitor = { who: "monitor", why: "the forecast", automatic: true };
      await queue.setLimits(asked([rate("rate/agent/alice", 5)]));
      const { limits } = await queue.setLimits(
        asked([rate("rate/agent/alice", 1), rate("rate/agent/bob", 1)], monitor),
      );
      assert.deepEqual(
        limits.map(({ name, source }) => [name, source?.who, source?.automatic]),
        [
          ["rate/agent/alice", "ada", false],
          ["rate/agent/bob", "monitor", true],
        ],
      );
      await queue.setLimits(asked([{ name: "rate/agent/alice" }], monitor));
      assert.deepEqual((await inForce())[0], ["rate/agent/alice", "ada"]);
      await queue.setLimits(asked([{ name: "rate/agent/alice" }, rate("rate/agent/bob", 9)]));
      assert.deepEqual(await inForce(), [["rate/agent/bob", "ada"]]);
    });

    it("are refused with the field and the rule, and nothing of the request is set", async () => {
      await open({
        ranges: { weights: { min: 2, max: 8 }, starts: { min: 1, max: 50 }, tokens: { min: 1, max: 1e12 } },
      });
      const good = weight("weight/class/low", 3);
      assert.match(
        await faultOf(asked([good, weight("weight/class/urgent", 3)])),
        /^changes\[1\]\.name: .* is not a limit/,
      );
      assert.match(await faultOf(asked([rate("rate/engine/none", 1, 1)])), /with an engine of claude-code/);
      assert.match(
        await faultOf(asked([weight("weight/class/low", 9)])),
        /changes\[0\]\.value\.weight: must be 2 to 8/,
      );
      assert.match(await faultOf(asked([rate("rate/agent/a", 51, 1)])), /starts_per_minute: must be 1 to 50/);
      assert.match(await faultOf(asked([rate("rate/agent/a", 0, 1)])), /starts_per_minute: must be 1 to 50/);
      assert.match(await faultOf(asked([rate("rate/agent/a", Number.NaN, 1)])), /starts_per_minute/);
      assert.match(await faultOf(asked([rate("rate/agent/a", -1, 1)])), /starts_per_minute/);
      assert.match(await faultOf(asked([rate("weight/agent/a", 2, 1)])), /changes\[0\]\.value: must be a weight/);
      assert.match(await faultOf(asked([good, good])), /changes\[1\]\.name: is named twice/);
      assert.match(await faultOf(asked([{ ...good, endAfter: seconds(0) }])), /end_after: must be in the future/);
      assert.match(await faultOf(asked([{ ...good, endTime: new Date(0) }])), /end_time: must be in the future/);
      assert.match(await faultOf(asked([])), /changes: must be 1 to 100/);
      assert.match(await faultOf(asked([good], { who: "", why: "" })), /who: .*; why: is empty/);
      assert.deepEqual(await inForce(), []);
    });

    it("are refused above 500, and those that have ended make room", async () => {
      await open();
      const page = (from: number, more = {}) =>
        asked(Array.from({ length: 100 }, (_, i) => ({ ...weight(`weight/agent/a-${from + i}`, 2), ...more })));
      for (let from = 0; from < 500; from += 100) await queue.setLimits(page(from, { endAfter: seconds(60) }));
      assert.match(await faultOf(page(500)), /more than 500 limits/);
      world.clock.now += 60_001;
      await queue.setLimits(page(500));
      assert.equal((await inForce()).length, 100);
    });
  });
});

/** Resolves when the replica has had time to hear of the change: its own answer to a change shows that it has read. */
async function waitForOrder(client: QueueClient): Promise<void> {
  await client.setLimits(asked([weight("weight/agent/nobody", 1)]));
}
