import assert from "node:assert/strict";
import { setImmediate as settled } from "node:timers/promises";
import { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { createStatusFeed } from "./status-feed.js";

/** A feed of a status that only counts leased tasks. The test decides when a second passes. */
function setUp() {
  const world = { leased: 0n, reads: 0, nowMs: 0, fault: undefined as Error | undefined };
  let seconds: (() => void)[] = [];
  const read = async () => {
    world.reads += 1;
    if (world.fault) throw world.fault;
    return GetStatusResponse.fromPartial({ leased: world.leased });
  };
  const pause = (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      seconds.push(resolve);
      signal.addEventListener("abort", () => resolve());
    });
  const feed = createStatusFeed(read, { nowMs: () => world.nowMs, pause });
  /** Collects each status that a stream yields. */
  const watch = (signal: AbortSignal) => {
    const told: bigint[] = [];
    const ended = (async () => {
      for await (const { leased } of feed(signal)) told.push(leased);
    })();
    return { told, ended };
  };
  const second = async () => {
    await settled();
    world.nowMs += 999;
    const due = seconds;
    seconds = [];
    for (const resolve of due) resolve();
    await settled();
  };
  return { world, feed, watch, second };
}

describe("the status feed", () => {
  it("sends the status at once, then only when it changed", async () => {
    const { world, watch, second } = setUp();
    const { told } = watch(new AbortController().signal);
    await settled();
    assert.deepEqual(told, [0n]);
    await second();
    assert.deepEqual(told, [0n]);
    world.leased = 3n;
    assert.deepEqual(told, [0n]);
    await second();
    await second();
    assert.deepEqual(told, [0n, 3n]);
  });

  it("reads once a second for all streams, also for later ones, and stops when all have gone", async () => {
    const { world, watch, second } = setUp();
    const clients = Array.from({ length: 51 }, () => new AbortController());
    const streams = clients.slice(1).map(({ signal }) => watch(signal));
    await settled();
    world.nowMs += 500;
    for (const { signal } of clients.slice(0, 1)) streams.push(watch(signal));
    for (let n = 0; n < 4; n++) await second();
    assert.equal(world.reads, 5);
    for (const client of clients) client.abort();
    await Promise.all(streams.map(({ ended }) => ended));
    for (let n = 0; n < 4; n++) await second();
    assert.equal(world.reads, 5);
  });

  it("sends a slow stream the newest status and skips the missed ones", async () => {
    const { world, feed, second } = setUp();
    const stream = feed(new AbortController().signal);
    assert.equal((await stream.next()).value?.leased, 0n);
    for (const leased of [1n, 2n, 3n]) {
      world.leased = leased;
      await second();
    }
    const next = stream.next();
    await second();
    assert.equal((await next).value?.leased, 3n);
  });

  it("ends a stream with the error, and serves the next one again", async () => {
    const { world, watch, second } = setUp();
    world.fault = new Error("Redis is away");
    await assert.rejects(watch(new AbortController().signal).ended, world.fault);
    world.fault = undefined;
    await second();
    const { told } = watch(new AbortController().signal);
    await settled();
    assert.deepEqual(told, [0n]);
  });
});
