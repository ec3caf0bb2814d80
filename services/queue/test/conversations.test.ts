import assert from "node:assert/strict";
import type { Reason } from "@ccsp/errors";
import { CallError } from "@ccsp/grpc-kit";
import type { Lease } from "@ccsp/protos/ccsp/queue/v1/sync.js";
import { ErrorCategory, TaskError, type TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { createConversationStore } from "../src/conversations/conversation-store.js";
import { type QueueClient, result, serveReplica, spec, syncRequest } from "./grpc-world.js";
import { startWorld, type World } from "./world.js";

const refused = async (call: Promise<unknown>, reason: Reason): Promise<void> => {
  await assert.rejects(call, (error) => error instanceof CallError && (assert.equal(error.reason, reason), true));
};

for (const shards of [1, 4]) {
  describe(`conversations, in ${shards} shards`, function () {
    this.timeout(20_000);
    let world: World;
    let replica: Awaited<ReturnType<typeof serveReplica>>;
    let client: QueueClient;
    let sequence = 0n;
    before(async () => {
      world = await startWorld({ shards });
      replica = await serveReplica(world);
      client = replica.client;
    });
    after(async () => {
      await replica.close();
      await world.close();
    });
    beforeEach(() => world.reset());

    const enqueue = async (more: Partial<TaskSpec>, agentId = "alice"): Promise<string> => {
      const { task } = await client.enqueue({ agentId, spec: spec(more), requestId: "" });
      return task?.id ?? "";
    };
    /** Returns the next lease of an executor that holds nothing else. */
    const lease = async (executorId = "ex-1"): Promise<Lease> => {
      const { leases } = await client.sync(syncRequest({ executorId, sequence: ++sequence }));
      assert.ok(leases[0], "no lease");
      return leases[0];
    };
    const complete = ({ taskId, fence }: Lease, engineConversationId: string) =>
      client.complete({ taskId, fence, result: result(), engineConversationId });
    const save = ({ taskId, fence }: Lease, text: string) =>
      client.saveConversation({ taskId, fence, transcript: Buffer.from(text) });
    const load = async ({ taskId, fence }: Lease): Promise<string> =>
      (await client.loadConversation({ taskId, fence })).transcript.toString();
    const resultOf = async (taskId: string) => (await client.get({ taskId, agentId: "alice" })).task?.result;
    const follow = (id: string, fork = false) => ({ conversation: { id, fork } });

    /** Runs a whole turn. Returns the logical id that its result names. */
    const turn = async (more: Partial<TaskSpec>, transcript: string, executorId = "ex-1"): Promise<string> => {
      await enqueue(more);
      const held = await lease(executorId);
      await save(held, transcript);
      await complete(held, "e-1");
      return (await resultOf(held.taskId))?.conversationId ?? "";
    };

    it("begin when a task requests one and its engine keeps one, and have the id of that task", async () => {
      const id = await enqueue(follow(""));
      const held = await lease();
      assert.equal(held.conversation, undefined);
      await complete(held, "e-1");
      assert.equal((await resultOf(id))?.conversationId, id);

      const without = await enqueue({});
      await complete(await lease(), "e-2");
      assert.equal((await resultOf(without))?.conversationId, "");
      await enqueue(follow(""));
      const keepsNone = await lease();
      await complete(keepsNone, "");
      assert.equal((await resultOf(keepsNone.taskId))?.conversationId, "");
    });

    it("continue from their newest turn, under the same id", async () => {
      const id = await turn(follow(""), "one");
      await enqueue(follow(id));
      const second = await lease();
      const first = await world.store.find(id);
      assert.deepEqual(second.conversation, {
        engineConversationId: "e-1",
        executorId: "ex-1",
        turnFence: BigInt(first?.fence ?? 0),
        transcriptFault: "",
      });
      assert.equal(await load(second), "one");
      await save(second, "one two");
      assert.equal(await load(second), "one", "a turn that has not ended counts");
      await complete(second, "e-1");
      assert.equal((await resultOf(second.taskId))?.conversationId, id);
      await enqueue(follow(id));
      assert.equal(await load(await lease()), "one two");
    });

    it("prefer for ten minutes the only executor with the transcript of the newest turn, and tell it why", async () => {
      const id = await turn(follow(""), "one");
      await enqueue(follow(id));
      const large = await lease();
      const transcriptFault = "its transcript is too large";
      await client.complete({
        taskId: large.taskId,
        fence: large.fence,
        result: result(),
        engineConversationId: "e-1",
        transcriptFault,
      });
      assert.equal((await resultOf(large.taskId))?.conversationId, id);
      world.clock.now += 9 * 60_000;
      await enqueue(follow(id));
      world.clock.now += 59_000;
      const other = syncRequest({ executorId: "ex-2", sequence: ++sequence });
      assert.deepEqual((await client.sync(other)).leases, [], "another executor got it");
      const held = await lease();
      assert.deepEqual(held.conversation, {
        engineConversationId: "e-1",
        executorId: "ex-1",
        turnFence: large.fence,
        transcriptFault,
      });
      await refused(load(held), "CONVERSATION_NOT_FOUND");
    });

    it("have a newest turn even without a transcript, so no task continues from the turn before", async () => {
      const id = await turn(follow(""), "one");
      await enqueue(follow(id));
      const lost = await lease();
      await client.complete({
        taskId: lost.taskId,
        fence: lost.fence,
        result: result(),
        engineConversationId: "",
        transcriptFault: "x".repeat(300),
      });
      assert.equal((await resultOf(lost.taskId))?.conversationId, "");
      await enqueue(follow(id));
      const next = await lease("ex-2");
      assert.deepEqual(next.conversation, {
        engineConversationId: "",
        executorId: "ex-1",
        turnFence: lost.fence,
        transcriptFault: "x".repeat(256),
      });
      await refused(load(next), "CONVERSATION_NOT_FOUND");
    });

    it("keep no transcript of a turn that a later one contains", async () => {
      const id = await turn(follow(""), "one");
      for (const text of ["two", "three", "four"]) await turn(follow(id), text);
      const [kept = ""] = (await world.keys()).filter((key) => key.endsWith(":transcripts"));
      assert.equal(await world.redis.client.hlen(kept), 1);
      assert.equal(await world.redis.client.hget(kept.replace("transcripts", "meta"), "transcripts"), "4");
    });

    it("are forked without being changed", async () => {
      const id = await turn(follow(""), "one");
      const fork = await turn(follow(id, true), "one fork");
      assert.notEqual(fork, id);
      for (const [from, transcript] of [
        [id, "one"],
        [fork, "one fork"],
      ] as const) {
        await enqueue(follow(from));
        const held = await lease();
        assert.equal(await load(held), transcript);
        await complete(held, "e-1");
      }
    });

    it("belong to one agent and one engine", async () => {
      const id = await turn(follow(""), "one");
      await refused(enqueue(follow(id), "mallory"), "CONVERSATION_NOT_FOUND");
      for (const other of ["no-id", id.replace(/.$/, (last) => (last === "0" ? "1" : "0")), "0-../../x"]) {
        await refused(enqueue(follow(other)), "CONVERSATION_NOT_FOUND");
      }
      await refused(enqueue({ ...follow(id), engine: "opencode" }), "INVALID_FIELD");
    });

    it("prefer the executor that has the transcript, for a limited time, if it is present", async () => {
      const id = await turn(follow(""), "one");
      const task = await enqueue(follow(id));
      assert.deepEqual((await client.sync(syncRequest({ executorId: "ex-2", sequence: ++sequence }))).leases, []);
      assert.equal((await lease("ex-1")).taskId, task);

      world.clock.now += 31_000;
      const late = await enqueue(follow(id));
      assert.equal((await lease("ex-2")).taskId, late, "waits for an executor that no longer calls");
    });

    it("accept nothing from a holder whose lease was lost; the executor that completes the task decides", async () => {
      const id = await enqueue(follow(""));
      const lost = await lease("ex-1");
      world.clock.now += 31_000;
      await world.queue.freeLease(id, { how: "expired" });
      const holder = await lease("ex-2");
      await refused(save(lost, "stale"), "LEASE_LOST");
      await refused(load(lost), "LEASE_LOST");
      await save(holder, "good");
      await refused(complete(lost, "e-stale"), "LEASE_LOST");
      await complete(holder, "e-2");
      await complete(holder, "e-2");
      await enqueue(follow(id));
      const next = await lease("ex-2");
      assert.deepEqual([next.conversation?.engineConversationId, await load(next)], ["e-2", "good"]);
    });

    it("do not change when a turn fails", async () => {
      const id = await turn(follow(""), "one");
      await enqueue({ ...follow(id), maxAttempts: 1 });
      const failing = await lease();
      await save(failing, "one and a half");
      const error = { ...TaskError.fromPartial({}), category: ErrorCategory.INVALID_REQUEST };
      await client.fail({ taskId: failing.taskId, fence: failing.fence, error });
      await enqueue(follow(id));
      assert.equal(await load(await lease()), "one");
    });

    it("have their newest turn even when the replica that completed it died before it answered", async () => {
      const id = await turn(follow(""), "one");
      await enqueue(follow(id));
      const second = await lease();
      await save(second, "two");
      await complete(second, "e-1");
      const [key = ""] = (await world.keys()).filter((each) => each.endsWith(`conversation:${id}`));
      await world.redis.client.hdel(key, "head");
      await enqueue(follow(id));
      assert.equal(await load(await lease()), "two");
    });

    it("continue from the turn that was leased last, even when turns end at the same moment", async () => {
      const store = createConversationStore(world.redis.client, { keptMs: 60_000, shardBytes: 1_000 });
      const id = await turn(follow(""), "one");
      const first = (await store.find(id))?.head;
      assert.ok(first);
      const [earlier, later] = [1, 2].map((more) => ({ ...first, fence: first.fence + more }));
      assert.ok(earlier && later);
      const whose = { agent: "alice", engine: "claude-code" };
      for (const write of [store.announce, store.advance]) {
        assert.equal(await write(id, whose, later), "ok");
        assert.equal(await write(id, whose, earlier), "later");
      }
      assert.deepEqual(await store.find(id), { ...whose, head: later, next: later });
    });

    it("have transcripts of at most 8 MiB, and above a total size the oldest are removed", async () => {
      const first = await turn(follow(""), "small");
      await enqueue(follow(""));
      const held = await lease();
      const transcript = Buffer.alloc(8 * 1024 * 1024 + 1);
      const large = client.saveConversation({ ...held, transcript });
      await refused(large, "INVALID_FIELD");
      await complete(held, "e-1");
      for (let i = 0; i < 3; i++) await turn(follow(""), "x".repeat(7 * 1024 * 1024));
      await enqueue(follow(first));
      await refused(load(await lease()), "CONVERSATION_NOT_FOUND");
    });
  });
}
