import assert from "node:assert/strict";
import { hasRoom, judgeMemory, type NodeMemory } from "./memory.js";

const MIB = 1024 * 1024;
const node = (more: Partial<NodeMemory> = {}): NodeMemory => ({
  node: "a",
  usedBytes: MIB,
  mostBytes: 100 * MIB,
  policy: "noeviction",
  ...more,
});
const allowed = { waiting: 40 * MIB, ended: 40 * MIB, transcripts: 5 * MIB, cached: 5 * MIB };

describe("the memory of Redis", () => {
  it("accepts new tasks up to 90 % of its limit, and always without a limit", () => {
    assert.equal(hasRoom(node({ usedBytes: 90 * MIB })), true);
    assert.equal(hasRoom(node({ usedBytes: 91 * MIB })), false);
    assert.equal(hasRoom(node({ mostBytes: 0, usedBytes: 1e15 })), true);
  });

  it("is accepted without a warning when it evicts nothing and is large enough for all limits", () => {
    assert.deepEqual(judgeMemory([node()], allowed), { warnings: [] });
    assert.deepEqual(judgeMemory([node({ mostBytes: 0, policy: "allkeys-lru" })], allowed), { warnings: [] });
    assert.deepEqual(judgeMemory([node(), node({ node: "b" })], allowed), { warnings: [] });
  });

  it("is refused when it would evict tasks, and warned of when it would evict expiring keys", () => {
    assert.match(judgeMemory([node(), node({ policy: "allkeys-lru" })], allowed).fatal ?? "", /set noeviction/);
    const mixed = [node({ policy: "volatile-lru" }), node({ node: "b", policy: "allkeys-lfu" })];
    assert.match(judgeMemory(mixed, allowed).fatal ?? "", /allkeys-lfu/, "for any node");
    const { fatal, warnings } = judgeMemory([node({ policy: "volatile-lru" })], allowed);
    assert.equal(fatal, undefined);
    assert.match(warnings.join(), /volatile-lru.*evicts request ids/);
  });

  it("is warned of when the limits allow more, for all shards on a node together", () => {
    const warning = (nodes: readonly NodeMemory[], more = {}) => judgeMemory(nodes, { ...allowed, ...more }).warnings;
    assert.match(warning([node(), node()])[0] ?? "", /may store 188743680 bytes in a Redis that may hold 94371840/);
    assert.match(warning([node({ mostBytes: 50 * MIB })])[0] ?? "", /raise maxmemory/);
    assert.match(warning([node()], { waiting: 0 })[0] ?? "", /plus waiting tasks of any size/);
  });
});
