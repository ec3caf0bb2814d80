import assert from "node:assert/strict";
import * as fc from "fast-check";
import { CLASSES } from "../src/domain/task.js";
import { ModelTurns } from "./model/turns.js";
import { executor, failure, newTask, startWorld, type World } from "./world.js";

const AGENTS = ["alice", "bob", "carol"];
const ORDER = { agentWeights: { bob: 3 } };

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant("add" as const), n: fc.nat(999) }) },
  { weight: 8, arbitrary: fc.record({ op: fc.constant("lease" as const), n: fc.constant(0) }) },
  {
    weight: 5,
    arbitrary: fc.record({ op: fc.constantFrom("complete", "complete unstarted", "fail"), n: fc.nat(999) }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom("release", "wait"), n: fc.nat(999) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

describe("the order of leases", () => {
  let world: World;
  before(async () => void (world = await startWorld({ order: ORDER })));
  after(() => world.close());

  it("is that of the rule in docs/queue.md, whatever comes, runs and ends", async () => {
    const property = fc.asyncProperty(
      fc.noBias(fc.array(step, { minLength: 60, maxLength: 120, size: "max" })),
      async (steps) => {
        await world.reset();
        const rule = new ModelTurns(world.order);
        const fences = new Map<string, number>();
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
          const id = [...rule.leased.keys()][n % Math.max(rule.leased.size, 1)];
          const task = rule.leased.get(id ?? "");
          if (id === undefined || task === undefined) return;
          const fence = fences.get(id) ?? 0;
          const tokens = n % 4 === 0 ? undefined : n * 10;
          if (op === "release") {
            await queue.release(id, fence, "");
            rule.end(id, undefined, false);
            return rule.add(task);
          }
          if (op !== "complete unstarted") {
            await queue.report({ id, fence, number: 1, started: { traceparent: "" }, entries: [] });
          }
          const facts = tokens === undefined ? {} : { tokens };
          if (op === "fail") await queue.fail(id, fence, failure("INVALID_REQUEST", { retryable: false }), facts);
          else await queue.complete(id, fence, Buffer.from(""), facts);
          rule.end(id, tokens, op !== "complete unstarted");
        }
      },
    );
    await fc.assert(property, { numRuns: 30, interruptAfterTimeLimit: 90_000 });
  }).timeout(120_000);
});
