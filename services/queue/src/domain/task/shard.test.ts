import assert from "node:assert/strict";
import { isTaskId, shardOfAgent, shardOfTask } from "./shard.js";

describe("shards", () => {
  it("are found by a hash that must never change, since tasks are stored by it", () => {
    const agents = ["alice", "bob", "ci@example.org", "a"];
    assert.deepEqual(
      agents.map((agent) => shardOfAgent(agent, 64)),
      agents.map((agent) => Array.from(agent).reduce(fnv1a, 0x811c9dc5n)).map((hash) => Number(hash % 64n)),
    );
    // The published test vector of FNV-1a: "a" is e40c292c.
    assert.equal(shardOfAgent("a", 2 ** 32), 0xe40c292c);
  });

  it("get their share of the agents", () => {
    const counts = Array.from({ length: 4 }, () => 0);
    for (let i = 0; i < 4_000; i++) counts[shardOfAgent(`agent-${i}`, 4)]! += 1;
    assert.ok(
      counts.every((count) => count > 800),
      counts.join(),
    );
  });

  it("are named by the ids of their tasks", () => {
    const ulid = "01k7h8zq3v5c9m2n4p6r8s0t1w";
    assert.deepEqual([`0-${ulid}`, `7-${ulid}`, `63-${ulid}`].map(shardOfTask), [0, 7, 63]);
    for (const id of [`64-${ulid}`, `00-${ulid}`, `07-${ulid}`, `-${ulid}`, ulid, `1-${ulid}x`, `1-${ulid}\n`]) {
      assert.ok(!isTaskId(id), id);
    }
  });
});

const fnv1a = (hash: bigint, letter: string): bigint =>
  ((hash ^ BigInt(letter.charCodeAt(0))) * 0x01000193n) & 0xffffffffn;
