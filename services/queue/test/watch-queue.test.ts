import assert from "node:assert/strict";
import type { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { status } from "@grpc/grpc-js";
import { refused, serveReplica, spec } from "./grpc-world.js";
import { startWorld, type World } from "./world.js";

describe("WatchQueue", () => {
  let world: World;
  let replica: Awaited<ReturnType<typeof serveReplica>>;
  before(async () => {
    world = await startWorld();
    replica = await serveReplica(world);
  });
  after(async () => {
    await replica.close();
    await world.close();
  });

  it("streams the status as GetStatus has it, at once and when it changed, until the replica stops", async () => {
    const { client } = replica;
    const stream = client.watchQueue({})[Symbol.asyncIterator]();
    const next = async (): Promise<GetStatusResponse | undefined> => (await stream.next()).value?.status;
    assert.deepEqual(await next(), await client.getStatus({}));
    await client.enqueue({ agentId: "alice", spec: spec(), requestId: "" });
    const changed = await next();
    assert.equal(
      changed?.depths.reduce((sum, { waiting }) => sum + waiting, 0n),
      1n,
    );
    assert.deepEqual(changed, await client.getStatus({}));
    const end = refused(next(), status.UNAVAILABLE, "SHUTTING_DOWN");
    await replica.close();
    await end;
  });
});
