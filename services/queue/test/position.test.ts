import assert from "node:assert/strict";
import { ListWaitingRequest } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import * as fc from "fast-check";
import { createListWaiting } from "../src/application/list-waiting.js";
import { tasksBefore } from "../src/domain/explain/position.js";
import { CLASSES } from "../src/domain/task/task.js";
import { ENGINES, executor, newTask, startWorld, type World } from "./world.js";

describe("the position of a waiting task", () => {
  let world: World;
  const order = { urgentMax: 2, agentWeights: { bob: 3 } };
  before(async () => void (world = await startWorld({ order })));
  after(() => world.close());

  it("is the place at which it is leased, when no task comes and no class gets later than it is", async () => {
    const task = fc.record({
      // `constructor` is the name of a property that every object of JavaScript has.
      agent: fc.constantFrom("alice", "bob", "constructor"),
      class: fc.constantFrom(...CLASSES),
      afterMs: fc.integer({ min: 0, max: 20_000 }),
      // Waits for an executor that does not exist, so it delays no other task.
      pinned: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    });
    const leased = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(task, { minLength: 1, maxLength: 25 }),
        leased,
        fc.boolean(),
        async (tasks, first, late) => {
          await world.reset();
          const waiting = new Set<string>();
          for (const { afterMs, pinned, ...more } of tasks) {
            world.clock.now += late ? afterMs : 0;
            const conditions = pinned ? { conditions: { pin: "ex-0" } } : {};
            const { id } = (await world.queue.enqueue(newTask({ ...more, labels: ["k=v"], ...conditions }))).task;
            if (!pinned) waiting.add(id);
          }
          // After a day, age multiplies every weight by the most that it may.
          world.clock.now += late ? 86_400_000 : 0;
          let calls = 0;
          const take = async (slots: number) => {
            const { grants } = await executor(world, { id: `ex-${++calls}`, slots }).sync();
            for (const { task: each } of grants) waiting.delete(each.id);
            return grants.map(({ task: each }) => each.id);
          };
          // These leases put turns, credits and agents' times somewhere in the middle.
          for (const slots of first) await take(slots);
          const list = createListWaiting({ store: world.store, order: () => world.order, engines: ENGINES });
          const said = new Map<string, number>();
          for (const each of await world.store.findAll([...waiting])) {
            const situation = { here: await world.store.standing(each), around: await world.store.surroundings(each) };
            said.set(each.id, tasksBefore(each, situation, world.order));
          }
          const listed = await list(ListWaitingRequest.fromPartial({ pageSize: 200 }));
          const inOrder: string[] = [];
          while (waiting.size > 0) inOrder.push(...(await take(1)));
          assert.deepEqual(
            inOrder.map((id) => said.get(id)),
            inOrder.map((_, i) => i),
          );
          const places = listed.tasks.flatMap(({ task: { id }, position }) => (position ? [[id, position]] : []));
          assert.deepEqual(
            places,
            inOrder.map((id, i) => [id, i + 1]),
          );
        },
      ),
      { numRuns: 60 },
    );
  });
});
