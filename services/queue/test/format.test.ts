import assert from "node:assert/strict";
import { claimFormat } from "../src/redis/format.js";
import { queueKeys } from "../src/redis/keys.js";
import { startWorld, type World } from "./world.js";

describe("the format of what is stored", () => {
  let world: World;
  before(async () => void (world = await startWorld()));
  after(() => world.close());
  beforeEach(() => world.reset());
  const { meta } = queueKeys(0);

  it("is recorded at start, even where an earlier release recorded none", async () => {
    const { client } = world.redis;
    await client.hset(meta, "shards", 1);
    await claimFormat(client);
    await claimFormat(client);
    assert.deepEqual(await client.hgetall(meta), { shards: "1", format: "1" });
  });

  it("is refused at start when it is newer than this release reads, and is not changed", async () => {
    const { client } = world.redis;
    await client.hset(meta, "format", 2);
    await assert.rejects(
      claimFormat(client),
      /holds tasks in format 2, and this release of CCSP reads formats up to 1: start the release that wrote them/,
    );
    assert.equal(await client.hget(meta, "format"), "2");
  });
});
