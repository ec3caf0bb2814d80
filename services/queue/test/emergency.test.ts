import assert from "node:assert/strict";
import { decodeEvent } from "@ccsp/events";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { CallError } from "@ccsp/grpc-kit";
import type { Identity } from "@ccsp/identity";
import { EmergencyLevel, type EmergencyReceipt } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import type { GateScope } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import type { Lease } from "@ccsp/protos/ccsp/queue/v1/sync.js";
import { ErrorCategory, TaskError } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually } from "@ccsp/testkit";
import { reap } from "../src/domain/due/reaper.js";
import { queueKeys } from "../src/redis/keys.js";
import { type QueueClient, serveReplica, spec, syncRequest } from "./grpc-world.js";
import { LEASE_MS, startWorld, type World, withoutTimeLimit } from "./world.js";

const { NO_SUBMIT, NO_START, PARK_RUNNING, KILL } = EmergencyLevel;
/** One agent for each of four shards. */
const AGENTS = ["bob", "erin", "carol", "alice"] as const;
const EMERGENCY: GateScope = { scope: { $case: "emergency", value: true } };
const ADA = { who: "ada", why: "a prompt leaks" };
const RETENTION = { retentionMs: 1e12, maxEnded: 1e6, maxEndedBytes: 1e12 };

for (const { shards, twice } of [
  { shards: 1, twice: true },
  { shards: 4, twice: false },
]) {
  describe(`an emergency stop over ${shards} shards and two replicas${twice ? ", each script sent twice" : ""}`, () => {
    let redis: RedisServer;
    let worlds: World[];
    let replicas: Awaited<ReturnType<typeof serveReplica>>[];
    /** Who calls the second replica. */
    let caller: Identity | undefined;
    before(async () => {
      redis = await startRedis();
      // So a test fails if a waiting executor, or a stop that waits for receipts, is not notified.
      const onlyWoken = true;
      worlds = [
        await startWorld({ server: redis, shards, twice, onlyWoken }),
        await startWorld({ server: redis, shards, onlyWoken }),
      ];
      // The first wait is far longer than a test. The second is short, for tests that wait for an executor that is
      // gone.
      replicas = [
        await serveReplica({ ...world(0), wakes: withoutTimeLimit(world(0).wakes) }, { receiptsWithinMs: 120_000 }),
        await serveReplica(world(1), { receiptsWithinMs: 20, admit: async () => caller }),
      ];
    });
    after(async () => {
      for (const each of replicas) await each.close();
      for (const each of worlds) await each.close();
      await redis.stop();
    });
    beforeEach(async () => {
      caller = undefined;
      await world(0).reset();
    });

    function world(i: number): World {
      const found = worlds[i];
      assert.ok(found);
      return found;
    }
    function client(i: number): QueueClient {
      const found = replicas[i];
      assert.ok(found);
      return found.client;
    }
    const submit = async (agentId: string, requestId = "", i = 1) =>
      (await client(i).enqueue({ agentId, spec: spec(), requestId })).task?.id ?? "";
    const stop = (level: EmergencyLevel, by = ADA, i = 0) => client(i).emergencyStop({ level, ...by });
    const resume = (i = 1) => client(i).resumeQueue({ scope: EMERGENCY, who: "bob", why: "fixed" });
    const tick = () => reap(world(1), RETENTION);
    const states = async (ids: readonly string[]) =>
      Promise.all(ids.map(async (id) => (await world(0).store.find(id))?.state));
    const told = async () => {
      const entries = await world(0).redis.client.xrange(queueKeys(0).events, "-", "+");
      const events = entries.map(([id, fields]) => decodeEvent(0, id, fields));
      return events.flatMap((event) => (event?.data?.$case.startsWith("emergency") ? [event.data?.value] : []));
    };
    const refused = async (call: Promise<unknown>) => {
      const error = await call.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      assert.ok(error instanceof CallError, "was not refused");
      assert.equal(error.reason, "SUBMIT_STOPPED");
      assert.match(error.message, /ada: a prompt leaks/);
      assert.deepEqual(error.preconditions, [
        { type: "EMERGENCY_STOP", subject: "ada", description: "a prompt leaks" },
      ]);
    };

    /** An executor that follows orders, from its first answered Sync until it is closed. */
    async function fleetOf(id: string, { replica = 1, slots = 8, deaf = false } = {}) {
      const held = new Map<string, Lease>();
      const orders: (string | undefined)[] = [];
      const end = new AbortController();
      let receipt: EmergencyReceipt | undefined;
      let sequence = 0n;
      const request = (maxWaitSeconds: number) =>
        syncRequest({
          executorId: id,
          sequence: ++sequence,
          emergency: receipt,
          leases: [...held.values()].map(({ taskId, fence }) => ({ taskId, fence })),
          engines: [{ engine: "claude-code", freeSlots: slots - held.size, slots, version: "1", account: "" }],
          maxWait: { seconds: BigInt(maxWaitSeconds), nanos: 0 },
        });
      const sync = async (maxWaitSeconds: number) => {
        const answer = await client(replica).sync(request(maxWaitSeconds), { signal: end.signal, timeoutMs: 30_000 });
        for (const lease of answer.leases) {
          held.set(lease.taskId, lease);
          const { taskId, fence } = lease;
          const started = { traceparent: "" };
          await client(replica).report({ taskId, fence, reportSequence: 1, started, events: [] });
        }
        if (orders.at(-1) !== answer.emergency?.id || orders.length === 0) orders.push(answer.emergency?.id);
        await obey(answer.emergency);
      };
      const obey = async (order: { id: string; level: EmergencyLevel } | undefined) => {
        if (!order || order.level < PARK_RUNNING) {
          receipt = undefined;
          return;
        }
        const ended = [...(receipt?.ended ?? [])];
        for (const { taskId, fence } of held.values()) {
          ended.push({ taskId, pid: 7, processes: 1 });
          const error = TaskError.fromPartial({ category: ErrorCategory.CANCELLED, message: "killed" });
          if (order.level === KILL) await client(replica).fail({ taskId, fence, error });
          else await client(replica).release({ taskId, fence, reason: "parked" });
        }
        held.clear();
        receipt = { id: order.id, ended, remaining: 0 };
      };
      await sync(0);
      const loop = async () => {
        while (!end.signal.aborted) await sync(20);
      };
      const running = (deaf ? Promise.resolve() : loop()).catch((error: unknown) => {
        if (!end.signal.aborted) throw error;
      });
      return {
        held,
        orders,
        sync,
        async close() {
          end.abort();
          await running;
          // The aborted call may still claim tasks. This Sync gives them back.
          await client(replica).sync({ ...request(0), draining: true });
        },
      };
    }

    it("lets no replica accept a task once it is answered, and says who and why; a repeated accepted request is still answered", async () => {
      const before = await submit("alice", "r-1");
      const { status, confirmed } = await stop(NO_SUBMIT);
      assert.deepEqual(
        [status?.level, status?.who, status?.why, confirmed],
        [NO_SUBMIT, "ada", "a prompt leaks", true],
      );
      for (const agent of AGENTS) await refused(submit(agent));
      assert.equal(await submit("alice", "r-1"), before);
      const batch = await client(1).enqueueBatch({ agentId: "bob", items: [{ spec: spec(), requestId: "" }] });
      const [outcome] = batch.outcomes.map((each) => each.outcome);
      assert.ok(outcome?.$case === "refused");
      assert.equal(outcome.value.reason, "SUBMIT_STOPPED");
      assert.equal((await world(0).store.counts()).leased, 0);
      const executor = await fleetOf("ex-1");
      assert.deepEqual([...executor.held.keys()], [before], "the accepted task starts");
      await executor.close();
      assert.deepEqual(await resume(), { resumed: true });
      for (const agent of AGENTS) await submit(agent);
    });

    it("lets nothing start from the second level on, and does not touch running tasks", async () => {
      const running = [];
      for (const agent of AGENTS) running.push(await submit(agent));
      const busy = await fleetOf("ex-1", { slots: 4, deaf: true });
      assert.equal(busy.held.size, 4);
      const waiting = [];
      for (const agent of AGENTS) waiting.push(await submit(agent));
      assert.equal((await stop(NO_START)).confirmed, true);
      const idle = await fleetOf("ex-2");
      await tick();
      assert.equal(idle.held.size, 0);
      await busy.sync(0);
      assert.equal(busy.held.size, 4);
      assert.deepEqual(await states(running), ["RUNNING", "RUNNING", "RUNNING", "RUNNING"]);
      await resume();
      await tick();
      await eventually(() => assert.equal(idle.held.size, 4));
      await idle.close();
      await busy.close();
    });

    it("parks running tasks: waiting executors of another replica are notified at once, and the answer has their receipts", async () => {
      const ids: string[] = [];
      for (const agent of AGENTS) ids.push(await submit(agent));
      const fleet = [await fleetOf("ex-1", { slots: 2 }), await fleetOf("ex-2", { slots: 2 })];
      const { status, confirmed } = await stop(PARK_RUNNING);
      assert.equal(confirmed, true);
      const ended = status?.receipts.flatMap(({ receipt }) => receipt?.ended.map(({ taskId }) => taskId) ?? []);
      assert.deepEqual(ended?.toSorted(), ids.toSorted());
      assert.deepEqual(status?.receipts.map(({ executorId }) => executorId).toSorted(), ["ex-1", "ex-2"]);
      assert.deepEqual(await states(ids), ["QUEUED", "QUEUED", "QUEUED", "QUEUED"]);
      const { emergency, gates } = await client(1).getStatus({});
      assert.deepEqual(emergency, status);
      assert.deepEqual(
        gates.map(({ scope, who }) => [scope?.scope?.$case, who]),
        [["emergency", "ada"]],
      );
      for (const each of fleet) await each.close();
      await resume();
      await tick();
      const after = await fleetOf("ex-3");
      assert.deepEqual([...after.held.keys()].toSorted(), ids.toSorted());
      for (const id of ids) assert.equal((await world(0).store.find(id))?.spent ?? 0, 0, "it cost no attempt");
      await after.close();
    });

    it("parks tasks of an unreachable executor at no cost too, when their leases end", async () => {
      const id = await submit("alice");
      const lost = await fleetOf("lost", { slots: 1, deaf: true });
      const { confirmed } = await stop(PARK_RUNNING, ADA, 1);
      assert.equal(confirmed, false);
      for (const each of [world(0), world(1)]) each.clock.now += LEASE_MS + 1;
      await tick();
      const { state, spent = 0 } = (await world(0).store.find(id)) ?? {};
      assert.deepEqual([state, spent], ["QUEUED", 0]);
      await lost.close();
    });

    it("kills running tasks, which end as CANCELLED with a reason, also those of an unreachable executor", async () => {
      const gone = await submit("bob");
      const lost = await fleetOf("lost", { slots: 1, deaf: true });
      const ids: string[] = [];
      for (const agent of AGENTS) ids.push(await submit(agent));
      const fleet = await fleetOf("ex-1", { slots: 4 });
      const { status, confirmed } = await stop(KILL, ADA, 1);
      assert.equal(confirmed, false);
      const receipts = new Map(status?.receipts.map(({ executorId, receipt }) => [executorId, receipt]));
      assert.deepEqual([...receipts.keys()].toSorted(), ["ex-1", "lost"]);
      assert.equal(receipts.get("lost"), undefined, "the executor that has not answered is named");
      assert.equal((await stop(KILL, ADA, 1)).status?.id, status?.id);
      await eventually(async () => assert.deepEqual(new Set(await states(ids)), new Set(["CANCELLED"])));
      assert.equal(await states([gone]).then(String), "CANCELLING");
      world(0).clock.now += LEASE_MS + 1;
      world(1).clock.now = world(0).clock.now;
      await tick();
      const task = await world(0).store.find(gone);
      assert.deepEqual([task?.state, task?.cancel], ["CANCELLED", "emergency stop by ada: a prompt leaks"]);
      await fleet.close();
      await lost.close();
    });

    it("is not confirmed while an executor without recent Syncs still holds a lease", async () => {
      await submit("bob");
      const silent = await fleetOf("silent", { slots: 1, deaf: true });
      for (const each of worlds) each.clock.now += 2 * 60_000;
      const { status, confirmed } = await stop(PARK_RUNNING, ADA, 1);
      assert.deepEqual([status?.receipts.map(({ executorId }) => executorId), confirmed], [["silent"], false]);
      await silent.close();
    });

    it("was called by the person of the operator certificate, and by whom the gateway says otherwise", async () => {
      const certified = { scopes: [], proof: "certificate" } as const;
      caller = { kind: "operator", subject: "eve", ...certified };
      assert.equal((await stop(NO_SUBMIT, ADA, 1)).status?.who, "eve");
      assert.equal((await stop(NO_START, { who: "", why: "it burns" }, 1)).status?.who, "eve");
      caller = { kind: "service", subject: "gateway", ...certified };
      assert.equal((await stop(PARK_RUNNING, ADA, 1)).status?.who, "ada");
    });

    it("is ended by a person only, not by the monitor, which may resume accounts", async () => {
      await stop(NO_START);
      caller = { kind: "service", subject: "monitor", scopes: [], proof: "certificate" };
      await assert.rejects(resume(), { reason: "CERTIFICATE_REFUSED" });
      assert.equal((await client(0).getStatus({})).emergency?.level, NO_START);
      caller = { ...caller, subject: "gateway" };
      assert.deepEqual(await resume(), { resumed: true });
    });

    it("is raised by a higher level, and a lower one changes nothing", async () => {
      const first = await stop(NO_START);
      const lower = await stop(NO_SUBMIT, { who: "bob", why: "less" }, 1);
      assert.deepEqual(lower.status, first.status);
      const second = await stop(KILL, { who: "bob", why: "more" }, 1);
      assert.deepEqual([second.status?.level, second.status?.who], [KILL, "bob"]);
      assert.notEqual(second.status?.id, first.status?.id);
      await stop(KILL, ADA);
      assert.equal((await client(0).getStatus({})).emergency?.id, second.status?.id);
      await resume();
      await resume(0);
      assert.deepEqual(await told(), [
        { id: first.status?.id, level: "NO_START", levelEnum: NO_START, ...ADA },
        { id: second.status?.id, level: "KILL", levelEnum: KILL, who: "bob", why: "more" },
        { id: second.status?.id, who: "bob", why: "fixed" },
      ]);
    });

    it("ends by a resume with a reason, and waiting executors are notified at once", async () => {
      const executor = await fleetOf("ex-1");
      const { status } = await stop(PARK_RUNNING);
      const scope = EMERGENCY;
      await assert.rejects(client(0).resumeQueue({ scope, who: "bob", why: "" }), { reason: "INVALID_FIELD" });
      assert.deepEqual(await resume(), { resumed: true });
      assert.deepEqual(await resume(), { resumed: false });
      await eventually(() => assert.deepEqual(executor.orders, [undefined, status?.id, undefined]));
      assert.equal((await client(0).getStatus({})).emergency, undefined);
      await executor.close();
    });

    it("does not answer an executor early that knows of the stop, but does so at the next level", async () => {
      const executor = await fleetOf("ex-1", { replica: 0, deaf: true });
      await stop(NO_START);
      await executor.sync(20);
      let answered = false;
      const call = executor.sync(20).then(() => void (answered = true));
      // Each of these calls makes more round trips to Redis than the waiting Sync needs for its check.
      for (let i = 0; i < 5; i++) await client(0).getStatus({});
      assert.equal(answered, false);
      await stop(NO_START, ADA, 1);
      await client(1).emergencyStop({ level: KILL, ...ADA });
      await call;
      assert.equal(executor.orders.length, 3);
      await executor.close();
    });

    it("names the faults of an invalid call", async () => {
      await assert.rejects(client(0).emergencyStop({ level: 9 as EmergencyLevel, who: "", why: "" }), (error) => {
        assert.ok(error instanceof CallError);
        const fields = error.fields.map(({ field }) => field);
        assert.deepEqual(fields, ["level", "who", "why"]);
        return true;
      });
      const receipt = { id: "x", ended: [{ taskId: "no task", pid: -1, processes: 0 }], remaining: -1 };
      await assert.rejects(client(0).sync(syncRequest({ emergency: receipt })), { reason: "INVALID_FIELD" });
    });

    if (shards > 1) {
      it("that a process left half done is completed by the next round, and a half done resume too", async () => {
        const { status } = await stop(NO_SUBMIT);
        const { client: redis } = world(0).redis;
        await redis.hdel(queueKeys(2).gates, "emergency");
        await tick();
        for (const agent of AGENTS) await refused(submit(agent));
        await redis.hdel(queueKeys(0).gates, "emergency");
        await tick();
        for (const agent of AGENTS) await submit(agent);
        assert.equal((await told()).length, 1, `only the call itself is published: ${status?.id}`);
      });
    }
  });
}
