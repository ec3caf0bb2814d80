import assert from "node:assert/strict";
import { eventually, pathWithRedisCli, scaled, skip } from "@ccsp/testkit";
import { startRedisPods } from "./redis-pods.js";

const SOON = { timeoutMs: 60_000 };

/** The tests follow each other: the pods go on. */
describe("the three Redis of k8s/components/redis-sentinel, with the component's own scripts", function () {
  this.timeout(300_000);
  let tools: Awaited<ReturnType<typeof pathWithRedisCli>>;
  let redis: Awaited<ReturnType<typeof startRedisPods>>;
  before(async function () {
    if (process.getuid?.() !== 0) skip(this, "network namespaces need root");
    tools = await pathWithRedisCli(this);
    redis = await startRedisPods(this, tools.path);
  });
  afterEach(function () {
    if (this.currentTest?.state === "failed") console.log(redis?.lines.slice(-60).join("\n"));
  });
  after(async () => {
    await redis?.close();
    await tools?.close();
  });

  /** Every pod is ready, every Sentinel names the same master, and it has both replicas. */
  const settled = () =>
    eventually(async () => {
      const masters = await Promise.all([0, 1, 2].map((pod) => redis.masterOf(pod)));
      const [master = -1] = masters;
      assert.deepEqual(masters, [master, master, master]);
      assert.match(await redis.cli(master, 6379, "info", "replication"), /role:master[^]*connected_slaves:2/);
      assert.deepEqual(await Promise.all([0, 1, 2].map((pod) => redis.isReady(pod))), [true, true, true]);
      for (const pod of [0, 1, 2])
        assert.match(await redis.cli(pod, 26379, "info", "sentinel"), /status=ok,.*slaves=2,sentinels=3/);
      return master;
    }, SOON);
  const told = (
    story: string,
    seen: { refused: number; longestGapMs: number; confirmed: number; lost: number },
    more = "",
  ) =>
    console.log(
      `      ${story}: ${seen.refused} refused, longest time without a write ${(seen.longestGapMs / 1_000).toFixed(1)} s, ${seen.confirmed} confirmed, ${seen.lost} lost${more}`,
    );

  it("drains the master: another one takes over before it ends, and nothing confirmed is lost", async () => {
    const master = await settled();
    const stop = await redis.probe();
    const drainMs = await redis.remove(master);
    await redis.start(master);
    const next = await settled();
    const seen = await stop();
    told("drain of the master", seen, `, preStop ${(drainMs / 1_000).toFixed(1)} s`);
    assert.notEqual(next, master);
    assert.equal(seen.lost, 0);
    assert.ok(seen.longestGapMs < scaled(10_000), `${seen.longestGapMs} ms without a write`);
  });

  it("replaces all three, the last one first, with two failovers at most", async () => {
    await settled();
    const stop = await redis.probe();
    const masters = new Set<number>();
    let failovers = 0;
    for (const pod of [2, 1, 0]) {
      const before = await settled();
      masters.add(before);
      await redis.remove(pod);
      await redis.start(pod);
      if ((await settled()) !== before) failovers += 1;
    }
    const seen = await stop();
    told("rollout of all three", seen, `, ${failovers} failovers`);
    assert.ok(failovers <= 2, `${failovers}`);
    assert.equal(seen.lost, 0);
  });

  it("starts again with the same master when all three are deleted and the last one has it", async () => {
    // A drain hands over to the pod with the highest number.
    let master = await settled();
    if (master !== 2) {
      await redis.remove(master);
      await redis.start(master);
      master = await settled();
    }
    assert.equal(master, 2);
    await redis.cli(2, 6379, "set", "kept", "yes");
    const tookMs = await Promise.all([0, 1, 2].map((pod) => redis.remove(pod)));
    assert.ok(Math.max(...tookMs) < scaled(20_000), String(tookMs));
    const begunMs = performance.now();
    await Promise.all([0, 1, 2].map((pod) => redis.start(pod)));
    const next = await settled();
    console.log(
      `      all three deleted: settled ${((performance.now() - begunMs) / 1_000).toFixed(1)} s after their start`,
    );
    assert.equal(await redis.cli(next, 6379, "get", "kept"), "yes");
  });

  it("ends within the grace period, without a failover, when no replica is good", async () => {
    const master = await settled();
    const others = [0, 1, 2].filter((pod) => pod !== master);
    for (const pod of others) redis.pods[pod]?.redis.kill("SIGSTOP");
    const drainMs = await redis.remove(master);
    for (const pod of others) redis.pods[pod]?.redis.kill("SIGCONT");
    console.log(`      no good replica: preStop ${(drainMs / 1_000).toFixed(1)} s`);
    assert.ok(drainMs < scaled(20_000), String(drainMs));
    await redis.start(master);
    await settled();
  });
});
