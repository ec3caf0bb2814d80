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
  it("has room for new work up to 90 % of its limit, and always where there is none", () => {
    assert.equal(hasRoom(node({ usedBytes: 90 * MIB })), true);
    assert.equal(hasRoom(node({ usedBytes: 91 * MIB })), false);
    assert.equal(hasRoom(node({ mostBytes: 0, usedBytes: 1e15 })), true);
  });

  it("is as it should be when it evicts nothing and has room for all that the bounds allow", () => {
    assert.deepEqual(judgeMemory([node()], allowed), { doubts: [] });
    assert.deepEqual(judgeMemory([node({ mostBytes: 0, policy: "allkeys-lru" })], allowed), { doubts: [] });
    assert.deepEqual(judgeMemory([node(), node({ node: "b" })], allowed), { doubts: [] });
  });

  it("is refused when it would throw tasks away, and doubted when it would forget what expires", () => {
    assert.match(judgeMemory([node(), node({ policy: "allkeys-lru" })], allowed).fatal ?? "", /set noeviction/);
    const mixed = [node({ policy: "volatile-lru" }), node({ node: "b", policy: "allkeys-lfu" })];
    assert.match(judgeMemory(mixed, allowed).fatal ?? "", /allkeys-lfu/, "whichever node it is");
    const { fatal, doubts } = judgeMemory([node({ policy: "volatile-lru" })], allowed);
    assert.equal(fatal, undefined);
    assert.match(doubts.join(), /volatile-lru.*forgets request ids/);
  });

  it("is doubted when the bounds allow for more, of all shards that are on a node together", () => {
    const doubt = (nodes: readonly NodeMemory[], more = {}) => judgeMemory(nodes, { ...allowed, ...more }).doubts;
    assert.match(doubt([node(), node()])[0] ?? "", /may store 188743680 bytes in a Redis that has room for 94371840/);
    assert.match(doubt([node({ mostBytes: 50 * MIB })])[0] ?? "", /raise maxmemory/);
    assert.match(doubt([node()], { waiting: 0 })[0] ?? "", /of any size besides/);
  });
});
