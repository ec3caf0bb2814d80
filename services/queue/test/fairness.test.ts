import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import * as fc from "fast-check";
import { asAgent } from "../src/domain/task/caller.js";
import { queueKeys } from "../src/redis/keys.js";
import { executor, failure, newTask, startWorld, type World, type WorldOptions } from "./world.js";

for (const twice of [false, true]) {
  describe(`fairness between agents${twice ? ", each script sent twice" : ""}`, () => fairness({ twice }));
}

function fairness({ twice }: { twice: boolean }): void {
  let world: World | undefined;
  afterEach(async () => {
    await world?.close();
    world = undefined;
  });
  const open = async (options: WorldOptions = {}) => (world = await startWorld({ twice, ...options }));

  const add = async ({ store, clock }: World, agent: string, count = 1): Promise<void> => {
    for (let i = 0; i < count; i++, clock.now++) await store.enqueue(newTask({ agent }));
  };
  let calls = 0;
  const take = async (of: World, slots: number) =>
    (await executor(of, { id: `ex-${++calls}`, slots }).sync()).grants.map(({ task, fence }) => ({ ...task, fence }));
  const agents = (tasks: readonly { agent: string }[]): string => tasks.map(({ agent }) => agent).join("");
  /** Runs `count` tasks one after another, each with the tokens of its agent. Returns what each agent used. */
  const run = async (of: World, count: number, tokens: Readonly<Record<string, number>>) => {
    const used: Record<string, number> = {};
    const order: string[] = [];
    for (let i = 0; i < count; i++) {
      const [task] = await take(of, 1);
      assert.ok(task);
      const each = tokens[task.agent] ?? 0;
      await of.queue.report({ id: task.id, fence: task.fence, number: 1, started: { traceparent: "" }, entries: [] });
      await of.queue.complete(task.id, task.fence, Buffer.from(""), { tokens: each });
      used[task.agent] = (used[task.agent] ?? 0) + each;
      order.push(task.agent);
    }
    return { used, order };
  };

  it("lets agents take turns, each with its oldest task, however many tasks one has", async () => {
    const world = await open();
    await add(world, "a", 9);
    await add(world, "b", 2);
    await add(world, "c", 2);
    const got = await take(world, 8);
    assert.equal(agents(got), "abcabcaa");
    const ofA = got.filter(({ agent }) => agent === "a").map(({ created }) => created);
    assert.deepEqual(
      ofA,
      ofA.toSorted((one, other) => one - other),
    );
  });

  it("counts a run of ten times the tokens ten times", async () => {
    const world = await open();
    for (const agent of ["a", "b"]) await add(world, agent, 110);
    const { order } = await run(world, 110, { a: 10_000, b: 1_000 });
    const runsOfA = order.filter((agent) => agent === "a").length;
    assert.ok(Math.abs(runsOfA - 10) <= 1, `a ran ${runsOfA} times of 110`);
  });

  it("counts tokens also while agents keep bringing tasks and several run at once", async () => {
    const world = await open();
    for (const agent of ["a", "b"]) await add(world, agent, 5);
    const running: Awaited<ReturnType<typeof take>> = [];
    const runs: Record<string, number> = { a: 0, b: 0 };
    for (let i = 0; i < 220; i++) {
      if (running.length < 3) running.push(...(await take(world, 3 - running.length)));
      const task = running.shift();
      assert.ok(task);
      const { id, fence, agent } = task;
      runs[agent] = (runs[agent] ?? 0) + 1;
      await world.queue.report({ id, fence, number: 1, started: { traceparent: "" }, entries: [] });
      await world.queue.complete(id, fence, Buffer.from(""), { tokens: agent === "a" ? 10_000 : 1_000 });
      await add(world, agent, 1);
    }
    assert.ok(Math.abs((runs["a"] ?? 0) - 20) <= 3, `a ran ${runs["a"]} times of 220`);
  });

  it("counts the usage of each of several runs that end in the same moment", async () => {
    const world = await open();
    await add(world, "a", 3);
    await add(world, "b", 2);
    const ends = (await take(world, 4)).map(({ id, fence }, i) => ({ id, fence, tokens: 1_000 * 2 ** i }));
    for (const { id, fence } of ends) {
      await world.queue.report({ id, fence, number: 1, started: { traceparent: "" }, entries: [] });
    }
    await Promise.all(
      ends.map(({ id, fence, tokens }) => world.queue.complete(id, fence, Buffer.from(""), { tokens })),
    );
    const turns = await world.redis.client.zrange(
      queueKeys(0).engine("claude-code").normalTurns,
      "0",
      "-1",
      "WITHSCORES",
    );
    assert.deepEqual(turns, ["a", "5000", "b", "10000"]);
  });

  it("gives a returning agent its turn, and no compensation for unused time", async () => {
    const world = await open();
    await add(world, "a", 60);
    await add(world, "b", 1);
    await run(world, 40, { a: 1_000, b: 1_000 });
    await add(world, "b", 20);
    const { order } = await run(world, 10, { a: 1_000, b: 1_000 });
    assert.equal(order.filter((agent) => agent === "b").length, 5);
  });

  it("does not let an agent lose its recorded usage by pausing", async () => {
    const world = await open();
    await add(world, "a", 1);
    await add(world, "b", 30);
    await run(world, 2, { a: 20_000, b: 1_000 });
    await add(world, "a", 5);
    const { order } = await run(world, 15, { a: 20_000, b: 1_000 });
    assert.equal(agents(order.map((agent) => ({ agent }))), "b".repeat(15));
  });

  for (const how of ["given back", "cancelled"]) {
    it(`charges nothing for a lease that was ${how} before its run`, async () => {
      const world = await open();
      await add(world, "a", 4);
      await add(world, "b", 4);
      await run(world, 2, { a: 1_000, b: 1_000 });
      const [task] = await take(world, 1);
      assert.ok(task);
      const { id, agent, fence } = task;
      if (how === "cancelled") {
        await world.queue.cancel(id, asAgent(agent), "");
        await world.queue.fail(id, fence, failure("CANCELLED", { retryable: false }), {});
      } else await world.queue.release(id, fence, "draining");
      const turns = await world.redis.client.zrange(
        queueKeys(0).engine("claude-code").normalTurns,
        "0",
        "-1",
        "WITHSCORES",
      );
      assert.equal(turns[1], turns[3]);
    });
  }

  it("lets no agent run more than its limit, and passes to the next", async () => {
    const world = await open({ order: { agentMaxRunning: 2 } });
    await add(world, "a", 5);
    await add(world, "b", 1);
    const got = await take(world, 9);
    assert.equal(agents(got), "aba");
    assert.deepEqual(await take(world, 9), []);
    await world.queue.complete(got[0]?.id ?? "", got[0]?.fence ?? 0, Buffer.from(""), {});
    assert.equal(agents(await take(world, 9)), "a");
  });

  it("lets no agent have more waiting tasks than its limit, and names the limit", async () => {
    const world = await open({ bounds: { agent: { tasks: 2, bytes: 0 } } });
    const enqueue = (agent: string) => world.queue.enqueue(newTask({ agent }));
    const { task } = await enqueue("a");
    await enqueue("a");
    const full = (error: unknown): boolean => {
      assert.ok(error instanceof Refusal);
      assert.equal(error.reason, "QUEUE_FULL");
      assert.deepEqual(error.quota, [
        { subject: "tasks of agent a waiting", description: "at most 2 (CCSP_QUEUE_AGENT_MAX_WAITING)" },
      ]);
      return true;
    };
    await assert.rejects(enqueue("a"), full);
    await enqueue("b");
    await take(world, 1);
    await enqueue("a");
    await assert.rejects(enqueue("a"), full);
    await world.queue.cancel(task.id, asAgent("a"), "");
    await assert.rejects(enqueue("a"), full, "cancelling a running task leaves the number of waiting tasks unchanged");
  });

  it("converges to the weights in tokens, and lets no agent wait longer than its share requires", async () => {
    const anAgent = fc.record({ weight: fc.integer({ min: 1, max: 4 }), tokens: fc.integer({ min: 500, max: 5_000 }) });
    const property = fc.asyncProperty(fc.array(anAgent, { minLength: 2, maxLength: 4 }), async (set) => {
      const names = set.map((_, i) => `agent-${i}`);
      const of = <T>(pick: (agent: { weight: number; tokens: number }) => T) =>
        Object.fromEntries(set.map((agent, i) => [names[i] ?? "", pick(agent)]));
      const [weights, tokens] = [of(({ weight }) => weight), of((agent) => agent.tokens)];
      const world = await open({ order: { agentWeights: weights } });
      try {
        for (const name of names) await add(world, name, 150);
        const { used, order } = await run(world, 150, tokens);
        // In virtual time, two agents differ by at most one run of each, plus a run that was charged at the average.
        const times = names.map((name) => (used[name] ?? 0) / (weights[name] ?? 1));
        const widest = 2 * Math.max(...set.map((agent) => agent.tokens / agent.weight)) + 5_000;
        assert.ok(Math.max(...times) - Math.min(...times) <= widest, `${times.join()} is wider than ${widest}`);
        for (const name of names) {
          const rounds = names.map((other) => {
            const own = Math.max(5_000, tokens[name] ?? 0) / (weights[name] ?? 1);
            return other === name ? 0 : Math.ceil((own * (weights[other] ?? 1)) / (tokens[other] ?? 1)) + 2;
          });
          const bound = rounds.reduce((sum, each) => sum + each, 0);
          const at = [...order.keys()].filter((i) => order[i] === name);
          const gaps = at.map((each, i) => each - (at[i - 1] ?? -1) - 1);
          assert.ok(Math.max(...gaps) <= bound, `${name} waited for ${Math.max(...gaps)} others, bound ${bound}`);
        }
      } finally {
        await world.close();
      }
    });
    await fc.assert(property, { numRuns: 6 });
    world = undefined;
  }).timeout(60_000);
}
