import assert from "node:assert/strict";
import { CallError } from "@ccsp/grpc-kit";
import { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { type QueueClient, serveReplica, spec } from "./grpc-world.js";
import { startWorld, type World } from "./world.js";

const { UNSPECIFIED, NORMAL, HIGH } = Priority;

describe("a request id", () => {
  let world: World;
  let replica: Awaited<ReturnType<typeof serveReplica>>;
  let client: QueueClient;
  before(async () => {
    world = await startWorld({ twice: true });
    replica = await serveReplica(world);
    client = replica.client;
  });
  after(async () => {
    await replica.close();
    await world.close();
  });
  beforeEach(() => world.reset());

  const enqueue = async (priority: Priority, prompt = "p") => {
    const { task } = await client.enqueue({ agentId: "alice", spec: spec({ priority, prompt }), requestId: "r" });
    return task?.id ?? "";
  };
  const conflicts = (call: Promise<unknown>) =>
    assert.rejects(call, (error) => error instanceof CallError && error.reason === "REQUEST_ID_CONFLICT");

  for (const [first, second] of [
    [UNSPECIFIED, NORMAL],
    [NORMAL, UNSPECIFIED],
  ] as const) {
    it(`identifies one task for the equal priorities ${Priority[first]} and ${Priority[second]}`, async () => {
      const id = await enqueue(first);
      assert.equal(await enqueue(second), id);
      assert.equal(await enqueue(first), id);
      await conflicts(enqueue(HIGH));
      await conflicts(enqueue(second, "another"));
      const items = [first, second, HIGH].map((priority) => ({
        spec: spec({ priority, prompt: "q" }),
        requestId: "s",
      }));
      const { outcomes } = await client.enqueueBatch({ agentId: "alice", items });
      const [one, same, other] = outcomes.map(({ outcome }) => outcome);
      assert.ok(one?.$case === "taskId" && one.value !== "");
      assert.deepEqual(same, one);
      assert.ok(other?.$case === "refused" && other.value.reason === "REQUEST_ID_CONFLICT");
    });
  }
});
