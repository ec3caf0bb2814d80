import assert from "node:assert/strict";
import type { Answer, Level, LevelName } from "./level.js";
import { createMemoryLevel } from "./memory-level.js";
import { createResultCache } from "./result-cache.js";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const textOf = (answer: Answer | undefined): string | undefined => answer && Buffer.from(answer.result).toString();

function level(
  name: LevelName,
): Level & { readonly kept: Map<string, Answer>; fault: (() => Promise<never>) | undefined } {
  const kept = new Map<string, Answer>();
  return {
    name,
    kept,
    fault: undefined,
    async find(key) {
      return this.fault ? this.fault() : kept.get(key);
    },
    async put(key, answer) {
      if (this.fault) return this.fault();
      kept.set(key, answer);
      return "stored";
    },
  };
}

function world() {
  const clock = { now: 1_000_000 };
  const seen: string[] = [];
  const [memory, redis, disk] = [level("memory"), level("redis"), level("disk")];
  const cache = createResultCache([memory, redis, disk], {
    observer: {
      lookedUp: (name, outcome) => void seen.push(`${name} ${outcome}`),
      wrote: (name, outcome) => void seen.push(`${name} ${outcome}`),
    },
    now: () => clock.now,
    patienceMs: 20,
  });
  return { clock, seen, memory, redis, disk, cache };
}

describe("the result cache", () => {
  it("keeps an answer in every level and reads it from the first level that has it", async () => {
    const { cache, seen } = world();
    await cache.put("k", bytes("one"));
    assert.equal(textOf(await cache.find("k", undefined)), "one");
    assert.equal(await cache.find("other", undefined), undefined);
    assert.deepEqual(seen, [
      "memory stored",
      "redis stored",
      "disk stored",
      "memory hit",
      "memory miss",
      "redis miss",
      "disk miss",
    ]);
  });

  it("copies the answer of a lower level to those above it, with its age", async () => {
    const { cache, clock, memory, redis, disk } = world();
    disk.kept.set("k", { madeMs: clock.now - 500, result: bytes("old") });
    assert.equal(textOf(await cache.find("k", undefined)), "old");
    await cache.close();
    assert.equal(memory.kept.get("k")?.madeMs, clock.now - 500);
    assert.equal(redis.kept.get("k")?.madeMs, clock.now - 500);
  });

  it("returns no answer older than requested, and checks lower levels for a newer one", async () => {
    const { cache, clock, memory, redis } = world();
    memory.kept.set("k", { madeMs: clock.now - 5_000, result: bytes("old") });
    redis.kept.set("k", { madeMs: clock.now - 1_000, result: bytes("newer") });
    assert.equal(await cache.find("k", 500), undefined);
    assert.equal(textOf(await cache.find("k", 1_000)), "newer");
    await cache.close();
    assert.equal(textOf(memory.kept.get("k")), "newer");
    assert.equal(textOf(await cache.find("k", undefined)), "newer");
  });

  for (const [what, fault] of [
    ["fails", async () => Promise.reject(new Error("ENOSPC"))],
    ["hangs", async () => new Promise<never>(() => undefined)],
  ] as const) {
    it(`works without a level that ${what}, and uses it again after a while`, async () => {
      const { cache, clock, seen, redis, disk } = world();
      redis.fault = fault;
      await cache.put("k", bytes("one"));
      assert.ok(seen.includes("redis error"));
      assert.equal(textOf(disk.kept.get("k")), "one");

      redis.fault = undefined;
      seen.length = 0;
      await cache.put("k", bytes("two"));
      assert.ok(seen.includes("redis error"), "it is not used for now");
      clock.now += 5_000;
      await cache.put("k", bytes("three"));
      assert.equal(textOf(redis.kept.get("k")), "three");
    });
  }

  it("drops answers instead of queueing them without limit for a slow level", async () => {
    const { cache, seen, disk } = world();
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    disk.put = async () => {
      await gate;
      return "stored";
    };
    const writes = Array.from({ length: 80 }, async (_, i) => cache.put(`k${i}`, bytes("x")));
    open();
    await Promise.all(writes);
    assert.equal(seen.filter((each) => each === "disk stored").length, 64);
    assert.equal(seen.filter((each) => each === "disk full").length, 16);
  });
});

describe("the memory level", () => {
  it("keeps the most recently used answers within its bytes, and none longer than its TTL", async () => {
    const clock = { now: 1_000 };
    const memory = createMemoryLevel({ ttlMs: 60_000, maxBytes: 4_000 }, () => clock.now);
    const answer = (size: number): Answer => ({ madeMs: 0, result: new Uint8Array(size) });
    for (const key of ["a", "b", "c"]) assert.equal(await memory.put(key, answer(1_000)), "stored");
    await memory.find("a");
    await memory.put("d", answer(1_000));
    const has = async (key: string) => (await memory.find(key)) !== undefined;
    assert.deepEqual([await has("a"), await has("b"), await has("c"), await has("d")], [true, false, true, true]);
    assert.equal(await memory.put("e", answer(4_000)), "full");
    clock.now += 59_999;
    assert.equal(await has("a"), true);
    clock.now += 2;
    assert.equal(await has("a"), false);
  });
});
