import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "@ccsp/config";
import { eventually } from "@ccsp/testkit";
import { Registry } from "prom-client";
import { defineCache } from "../src/cache/config.js";
import { openDiskLevel } from "../src/cache/disk-level.js";
import type { Answer } from "../src/cache/level.js";
import { openCache } from "../src/cache/open-cache.js";
import { createRedisLevel } from "../src/cache/redis-level.js";
import { cacheKeys } from "../src/redis/keys.js";
import { log, startWorld, type World } from "./world.js";

const answer = (text: string, madeMs = 12_345.5): Answer => ({ madeMs, result: Buffer.from(text) });
const plain = (found: Answer | undefined) => found && { ...found, result: Buffer.from(found.result) };

describe("the disk level", () => {
  const TTL_MS = 60_000;
  const KIB = 1024;
  let dir: string;
  const clock = { now: Date.now() };
  const open = async (maxBytes = 1024 * KIB, in_ = dir) =>
    openDiskLevel(in_, { ttlMs: TTL_MS, maxBytes }, () => clock.now);
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-cache-"));
  });
  afterEach(async () => rm(dir, { recursive: true }));
  const files = async () => readdir(join(dir, "answers"));

  it("keeps answers over a restart, until they expire", async () => {
    const first = await open();
    assert.equal(await first.find("k"), undefined);
    assert.equal(await first.put("k", answer("one")), "stored");
    first.close?.();
    clock.now += TTL_MS - 1_000;
    const second = await open();
    assert.deepEqual(plain(await second.find("k")), answer("one"));
    clock.now += 1_001;
    assert.equal(await second.find("k"), undefined);
    second.close?.();
    (await open()).close?.();
    assert.deepEqual(await files(), []);
  });

  it("lets only its owner read them, whatever permissions the folder had before", async () => {
    (await open()).close?.();
    await chmod(join(dir, "answers"), 0o777);
    const disk = await open();
    await disk.put("k", answer("secret"));
    disk.close?.();
    const modes = await Promise.all([join(dir, "answers"), join(dir, "answers", "k")].map(async (path) => stat(path)));
    assert.deepEqual(
      modes.map(({ mode }) => mode & 0o777),
      [0o700, 0o600],
    );
  });

  it("stays within its bytes: the oldest go first", async () => {
    const disk = await open(64 * KIB);
    assert.equal(await disk.put("k", answer("x".repeat(64 * KIB))), "full");
    for (let i = 0; i < 40; i++) {
      clock.now += 10;
      await eventually(async () => assert.equal(await disk.put(`k${i}`, answer("x".repeat(3 * KIB))), "stored"));
    }
    // The bound is 16 blocks of 4 KiB. While a sweep is under way, there may be a third more. In whole blocks, that is
    // up to a half.
    assert.ok((await files()).length <= 24, `${(await files()).length} files`);
    assert.equal(await disk.find("k0"), undefined);
    assert.notEqual(await disk.find("k39"), undefined);
    disk.close?.();
  });

  it("ignores a file that was not completely written", async () => {
    const disk = await open();
    await disk.put("k", answer("one"));
    const path = join(dir, "answers", "k");
    const bytes = await readFile(path);
    for (const broken of [Buffer.alloc(0), bytes.subarray(0, -1), Buffer.alloc(bytes.length)]) {
      await writeFile(path, broken);
      assert.equal(await disk.find("k"), undefined);
      assert.deepEqual(await files(), []);
    }
    disk.close?.();
  });

  it("fails, and leaves no partial file, where it cannot write", async () => {
    await assert.rejects(open(1024, "/dev/null"));
    const disk = await open();
    await rm(join(dir, "answers"), { recursive: true });
    await assert.rejects(disk.put("k", answer("one")));
    assert.equal(await disk.find("k"), undefined);
    disk.close?.();
  });
});

describe("a replica's result cache", () => {
  let world: World;
  let dir: string;
  before(async () => {
    world = await startWorld();
    dir = await mkdtemp(join(tmpdir(), "ccsp-cache-"));
  });
  after(async () => {
    await rm(dir, { recursive: true });
    await world.close();
  });

  const open = async (env: Record<string, string>) => {
    const registry = new Registry();
    const { config } = load(env, defineCache);
    const cache = await openCache(config, { redis: world.redis.client, now: Date.now, registry, log });
    const lookups = async () => {
      const counter = registry.getSingleMetric("ccsp_queue_cache_lookups_total");
      const { values } = (await counter?.get()) ?? { values: [] };
      return values.map(({ labels, value }) => `${labels["level"]} ${labels["outcome"]} ${value}`);
    };
    return { cache, lookups };
  };

  it("has the configured levels, keeps answers on disk over a restart, and counts the hits of each level", async () => {
    const env = { CCSP_QUEUE_CACHE_DIR: dir, CCSP_QUEUE_CACHE_REDIS_BYTES: "0" };
    const before = await open(env);
    await before.cache.put("k", Buffer.from("one"));
    await before.cache.close();
    const { cache, lookups } = await open(env);
    for (let i = 0; i < 3; i++) {
      assert.equal(Buffer.from((await cache.find("k", undefined))?.result ?? "").toString(), "one");
      await cache.close();
    }
    assert.deepEqual(await lookups(), [
      ...["memory hit 2", "memory miss 1", "memory error 0"],
      ...["redis hit 0", "redis miss 0", "redis error 0"],
      ...["disk hit 1", "disk miss 0", "disk error 0"],
    ]);
    assert.deepEqual(await world.redis.client.keys("*"), []);
  });

  it("works without an unusable folder, and without any level", async () => {
    const noFolder = await open({ CCSP_QUEUE_CACHE_DIR: "/dev/null" });
    await noFolder.cache.put("k", Buffer.from("one"));
    assert.notEqual(await noFolder.cache.find("k", undefined), undefined);
    const nothing = await open({ CCSP_QUEUE_CACHE_MEMORY_BYTES: "0", CCSP_QUEUE_CACHE_REDIS_BYTES: "0" });
    await nothing.cache.put("k", Buffer.from("one"));
    assert.equal(await nothing.cache.find("k", undefined), undefined);
  });
});

describe("the Redis level", () => {
  let world: World;
  before(async () => {
    world = await startWorld({ cluster: true });
  });
  after(async () => world.close());

  it("keeps answers for its TTL, and at most its bytes in that time", async () => {
    const clock = { now: 600_000 };
    const level = createRedisLevel(world.redis.client, { ttlMs: 60_000, maxBytes: 1_000 }, () => clock.now);
    assert.equal(await level.find("k"), undefined);
    assert.equal(await level.put("k", answer("x".repeat(500))), "stored");
    assert.deepEqual(plain(await level.find("k")), answer("x".repeat(500)));
    assert.equal(await level.put("l", answer("x".repeat(500))), "full");
    assert.equal(await level.put("m", answer("x".repeat(400))), "stored");
    assert.equal(await level.find("l"), undefined);
    clock.now += 60_000;
    assert.equal(await level.put("l", answer("x".repeat(500))), "stored");
    for (const key of await world.redis.client.keys(cacheKeys.answer("*"))) {
      const ttl = await world.redis.client.pttl(key);
      assert.ok(ttl > 0 && ttl <= 120_000, `${key} lives for ${ttl} ms`);
    }
  });
});
