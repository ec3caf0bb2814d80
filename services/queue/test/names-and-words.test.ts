import assert from "node:assert/strict";
import { EmergencyLevel } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import { TaskFilter } from "@ccsp/protos/ccsp/task/v1/filter.js";
import { status } from "@grpc/grpc-js";
import { type QueueClient, refused, serveReplica, spec } from "./grpc-world.js";
import { startWorld, type World } from "./world.js";

describe("text from people and agents, over gRPC", () => {
  let world: World;
  let replica: Awaited<ReturnType<typeof serveReplica>>;
  let client: QueueClient;
  before(async () => {
    world = await startWorld();
    replica = await serveReplica(world);
    client = replica.client;
  });
  after(async () => {
    await replica.close();
    await world.close();
  });
  beforeEach(() => world.reset());

  const wrong = async (call: Promise<unknown>): Promise<string[]> => {
    const { fields } = await refused(call, status.INVALID_ARGUMENT, "INVALID_FIELD");
    return fields.map(({ field }) => field);
  };
  const enqueue = async (labels: Record<string, string> = {}) => {
    const { task } = await client.enqueue({ agentId: "alice", spec: spec({ labels }) });
    assert.ok(task);
    return task;
  };

  it("is refused as the label key __proto__, which would vanish, and accepted as other names that every object has", async () => {
    const lost = Object.defineProperty({}, "__proto__", { value: "x", enumerable: true });
    assert.deepEqual(await wrong(client.enqueue({ agentId: "alice", spec: spec({ labels: lost }) })), [
      "spec.labels[__proto__]",
    ]);
    const { id } = await enqueue({ constructor: "x", valueof: "y" });
    const { task } = await client.get({ taskId: id });
    assert.deepEqual(task?.spec?.labels, { constructor: "x", valueof: "y" });
    // If the labels were lost, this would match every task of the agent.
    const filter = TaskFilter.fromPartial({ agentId: "alice", labels: lost });
    assert.equal((await client.cancelTasks({ filter, reason: "r" })).matched, 0n);
  });

  it("is refused as a name that controls a terminal", async () => {
    const scope = { scope: { $case: "all" as const, value: true } };
    const who = "ada\u001b[2J";
    assert.deepEqual(await wrong(client.pauseQueue({ scope, who, why: "w" })), ["who"]);
    assert.deepEqual(await wrong(client.resumeQueue({ scope, who, why: "w" })), ["who"]);
    assert.deepEqual(await wrong(client.emergencyStop({ level: EmergencyLevel.NO_SUBMIT, who, why: "w" })), ["who"]);
    assert.deepEqual(await wrong(client.enqueue({ agentId: "alice", spec: spec({ model: "m\r\nx" }) })), [
      "spec.model",
    ]);
  });

  it("is kept as free text with its lines, and with escapes for terminal controls", async () => {
    const sly = "first\nsecond\u001b[2J\u202e";
    const shown = String.raw`first
second\u{1b}[2J\u{202e}`;
    const scope = { scope: { $case: "all" as const, value: true } };
    assert.equal((await client.pauseQueue({ scope, who: "ada", why: sly })).gate?.why, shown);
    await client.resumeQueue({ scope, who: "ada" });
    const { id: taskId } = await enqueue();
    await client.cancel({ taskId, agentId: "alice", reason: sly });
    const reasons: string[] = [];
    for await (const { event } of client.watch({ taskId, agentId: "alice" })) {
      if (event?.event?.$case === "stateChanged" || event?.event?.$case === "taskEnded")
        reasons.push(JSON.stringify(event.event.value));
    }
    assert.ok(reasons.at(-1)?.includes(JSON.stringify(shown)), reasons.join());
    await client.emergencyStop({ level: EmergencyLevel.NO_SUBMIT, who: "ada", why: sly });
    const call = client.enqueue({ agentId: "alice", spec: spec() });
    const { message } = await refused(call, status.FAILED_PRECONDITION, "SUBMIT_STOPPED");
    assert.doesNotMatch(message, /(?!\n)\p{Cc}/u);
    assert.ok(message.includes(shown), message);
  });
});
