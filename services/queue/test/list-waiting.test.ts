import assert from "node:assert/strict";
import { ListWaitingRequest } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { Priority, type TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { status } from "@grpc/grpc-js";
import { shardOfAgent } from "../src/domain/task/shard.js";
import { type QueueClient, refused, serveReplica, spec, syncRequest } from "./grpc-world.js";
import { startWorld, type World } from "./world.js";

for (const shards of [1, 4]) {
  describe(`ListWaiting in ${shards} shards`, () => {
    let world: World;
    let replica: Awaited<ReturnType<typeof serveReplica>>;
    let client: QueueClient;
    before(async () => {
      world = await startWorld({ shards, order: { agentMaxRunning: 1, labelMaxRunning: { repo: 1 } } });
      replica = await serveReplica(world);
      client = replica.client;
    });
    after(async () => {
      await replica.close();
      await world.close();
    });
    beforeEach(() => world.reset());

    const add = async (agentId: string, more: Partial<TaskSpec> = {}): Promise<string> => {
      world.clock.now++;
      return (await client.enqueue({ agentId, spec: spec(more), requestId: "" })).task?.id ?? "";
    };
    const list = async (request: Partial<ListWaitingRequest> = {}) => {
      const { tasks, nextPageToken } = await client.listWaiting(ListWaitingRequest.fromPartial(request));
      return { places: tasks.map(({ task, position }) => [task?.id, Number(position)]), nextPageToken };
    };

    it("has the task that starts next first, however many are newer, and what something holds last", async () => {
      const oldest = await add("alice");
      for (let i = 0; i < 10; i++) await add("alice", { priority: Priority.LOW });
      const urgent = await add("alice", { priority: Priority.URGENT });
      const pinned = await add("bob", { affinity: { executorId: "ex-9", fallbackAfter: undefined } });
      const later = await add("alice", { startTime: new Date(world.clock.now + 3_600_000) });
      const { places } = await list();
      assert.deepEqual(places.slice(0, 2), [
        [urgent, 1],
        [oldest, 2],
      ]);
      assert.deepEqual(
        places.map(([, position]) => position),
        [...Array.from({ length: 12 }, (_, i) => i + 1), 0, 0],
      );
      assert.deepEqual(new Set(places.slice(-2).map(([id]) => id)), new Set([pinned, later]));
    });

    it("lists what the cap of an agent or of a label holds, without a position", async () => {
      for (let i = 0; i < 3; i++) await add("alice");
      // Each shard has its share of a cap.
      const shard = shardOfAgent("bob", shards);
      const other = ["b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8"].find(
        (each) => shardOfAgent(each, shards) === shard,
      );
      assert.ok(other);
      for (const agent of ["bob", other]) await add(agent, { labels: { repo: "web" } });
      const offer = { engine: "claude-code", freeSlots: 6, version: "1.0", account: "", slots: 6 };
      const { leases } = await client.sync(syncRequest({ engines: [offer] }));
      assert.deepEqual(new Set(leases.map(({ agentId }) => agentId)).size, 2);
      const before = await list();
      assert.deepEqual(
        before.places.map(([, position]) => position),
        [0, 0, 0],
      );
      const carol = await add("carol");
      const { places } = await list();
      assert.deepEqual(places[0], [carol, 1]);
      assert.equal(new Set(places.map(([id]) => id)).size, 4);
    });

    it("goes on page by page, and filters by class and engine with the positions among all classes", async () => {
      const ids = [await add("alice"), await add("bob"), await add("alice", { priority: Priority.LOW })];
      const other = await add("bob", { engine: "opencode" });
      const seen: unknown[] = [];
      for (let pageToken = "", more = true; more; ) {
        const page = await list({ pageSize: 1, pageToken });
        assert.equal(page.places.length, 1);
        seen.push(...page.places);
        [pageToken, more] = [page.nextPageToken, page.nextPageToken !== ""];
      }
      assert.deepEqual(seen, (await list()).places);
      assert.deepEqual(new Set(seen.map((place) => Object(place)[0])), new Set([...ids, other]));
      assert.deepEqual((await list({ engine: "opencode" })).places, [[other, 1]]);
      const [low] = (await list({ priority: Priority.LOW })).places;
      assert.equal(low?.[0], ids[2]);
      assert.ok(Number(low?.[1]) > 1, "the other classes count");
      assert.deepEqual((await list({ engine: "no-such-engine" })).places, []);
    });

    it("has no empty page before the tasks of a class that something holds", async () => {
      const startTime = new Date(world.clock.now + 3_600_000);
      for (let i = 0; i < 5; i++) await add("alice", { startTime });
      const low = await add("alice", { startTime: new Date(startTime.getTime() + 1), priority: Priority.LOW });
      assert.deepEqual(await list({ priority: Priority.LOW, pageSize: 1 }), { places: [[low, 0]], nextPageToken: "" });
    });

    it("shows the beginning of a prompt only when it is asked for, and refuses what is out of range", async () => {
      await add("alice", { prompt: "Say hello" });
      const snippet = async (promptSnippets: boolean) =>
        (await client.listWaiting({ promptSnippets })).tasks.map(({ task }) => task?.promptSnippet);
      assert.deepEqual([await snippet(true), await snippet(false)], [["Say hello"], [""]]);
      for (const wrong of [{ pageSize: 201 }, { pageSize: -1 }, { pageToken: "x" }, { priority: 9 as Priority }])
        await refused(list(wrong), status.INVALID_ARGUMENT, "INVALID_FIELD");
    });
  });
}
