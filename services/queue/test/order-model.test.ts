import assert from "node:assert/strict";
import * as fc from "fast-check";
import { asAgent } from "../src/domain/task/caller.js";
import { CLASSES } from "../src/domain/task/task.js";
import { ModelTurns } from "./model/turns.js";
import { executor, failure, newTask, startWorld, type World } from "./world.js";

const AGENTS = ["alice", "bob", "carol"];
const ORDER = { agentWeights: { bob: 3 } };

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant("add" as const), n: fc.nat(999) }) },
  { weight: 8, arbitrary: fc.record({ op: fc.constant("lease" as const), n: fc.constant(0) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constantFrom("complete", "complete unstarted", "fail", "fail unstarted"),
      n: fc.nat(999),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom("release", "wait", "cancel"), n: fc.nat(999) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

describe("the order of leases", () => {
  let world: World;
  before(async () => void (world = await startWorld({ order: ORDER })));
  after(() => world.close());

  it("follows the rule in docs/queue.md, in any sequence of new, running and ended tasks", async () => {
    const property = fc.asyncProperty(
      fc.noBias(fc.array(step, { minLength: 60, maxLength: 120, size: "max" })),
      async (steps) => {
        await world.reset();
        const rule = new ModelTurns(world.order);
        const fences = new Map<string, number>();
        const cancelled = new Set<string>();
        let calls = 0;
        for (const each of steps) await play(each);

        async function play({ op, n }: Step): Promise<void> {
          const { queue, clock } = world;
          if (op === "wait") return void (clock.now += n * n);
          if (op === "add") {
            const about = { agent: AGENTS[n % 3] ?? "", class: CLASSES[Math.floor(n / 3) % 4] ?? "low" };
            const { task } = await queue.enqueue(newTask({ ...about, max: 1 }));
            return rule.add({ ...about, id: task.id, since: clock.now });
          }
          if (op === "lease") {
            const [grant, ...more] = (await executor(world, { id: `ex-${++calls}` }).sync()).grants;
            assert.deepEqual([grant === undefined, more], [rule.waiting.length === 0, []], "a slot is filled");
            if (grant === undefined) return;
            rule.lease(grant.task.id, clock.now);
            return void fences.set(grant.task.id, grant.fence);
          }
          if (op === "cancel") {
            const any = [...rule.waiting, ...rule.leased.values()];
            const task = any[n % Math.max(any.length, 1)];
            if (task === undefined) return;
            await queue.cancel(task.id, asAgent(task.agent), "");
            cancelled.add(task.id);
            return rule.cancel(task.id);
          }
          const id = [...rule.leased.keys()][n % Math.max(rule.leased.size, 1)];
          const task = rule.leased.get(id ?? "");
          if (id === undefined || task === undefined) return;
          const fence = fences.get(id) ?? 0;
          const tokens = n % 4 === 0 ? undefined : n * 10;
          if (op === "release") {
            await queue.release(id, fence, "");
            rule.end(id, undefined, false);
            return cancelled.has(id) ? undefined : rule.add(task);
          }
          const started = !op.endsWith("unstarted");
          if (started) {
            await queue.report({ id, fence, number: 1, started: { traceparent: "" }, entries: [] });
          }
          const facts = tokens === undefined ? {} : { tokens };
          if (op.startsWith("fail"))
            await queue.fail(id, fence, failure("INVALID_REQUEST", { retryable: false }), facts);
          else await queue.complete(id, fence, Buffer.from(""), facts);
          rule.end(id, tokens, started);
        }
      },
    );
    await fc.assert(property, { numRuns: 30, interruptAfterTimeLimit: 90_000 });
  }).timeout(120_000);
});
