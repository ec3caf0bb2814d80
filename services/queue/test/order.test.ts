import assert from "node:assert/strict";
import { CLASSES, type PriorityClass } from "../src/domain/task/task.js";
import { executor, newTask, startWorld, type World } from "./world.js";

describe("order between classes", () => {
  let world: World;
  before(async () => void (world = await startWorld({ order: { urgentMax: 2 } })));
  after(() => world.close());
  beforeEach(() => world.reset());

  const add = async (priority: PriorityClass, count = 1): Promise<void> => {
    for (let i = 0; i < count; i++) await world.store.enqueue(newTask({ class: priority }));
  };
  const take = async (slots: number, id = "ex-1") =>
    (await executor(world, { id, slots }).sync()).grants.map(({ task, fence }) => ({ ...task, fence }));
  const counts = (tasks: readonly { class: PriorityClass }[]) =>
    CLASSES.map((priority) => tasks.filter((task) => task.class === priority).length);

  it("shares by weight while no class is late, evenly over short periods", async () => {
    for (const priority of ["low", "normal", "high"] as const) await add(priority, 70);
    for (let round = 0; round < 3; round++) {
      assert.deepEqual(counts(await take(21, `ex-${round}`)), [0, 16, 4, 1], `round ${round}`);
    }
  });

  it("keeps the turn order from call to call", async () => {
    for (const priority of ["low", "normal", "high"] as const) await add(priority, 70);
    const seen = [];
    for (let i = 0; i < 42; i++) seen.push(...(await take(1, `ex-${i}`)));
    assert.deepEqual(counts(seen), [0, 32, 8, 2]);
  });

  it("lets urgent overtake all other classes up to its limit, and above it takes turns", async () => {
    await add("high", 20);
    await add("urgent", 20);
    assert.deepEqual(counts(await take(2, "ex-1")), [2, 0, 0, 0]);
    assert.deepEqual(counts(await take(10, "ex-2")), [5, 5, 0, 0]);
  });

  it("counts running urgent tasks, so the end of one lets the next overtake", async () => {
    await add("urgent", 3);
    await add("high", 9);
    const [first] = await take(2, "ex-1");
    const others = await take(3, "ex-2");
    assert.deepEqual(counts(others), [1, 2, 0, 0]);
    await add("urgent", 2);
    for (const { id, fence } of [first, ...others].flatMap((task) => task ?? [])) {
      await world.queue.complete(id, fence, Buffer.from(""), {});
    }
    assert.deepEqual(counts(await take(1, "ex-3")), [1, 0, 0, 0]);
  });

  it("gives a class more turns the later its oldest task is, and never all of them", async () => {
    await add("low", 50);
    world.clock.now += 24 * 3_600_000;
    await add("high", 50);
    // The old class counts with ten times its weight of 1, against 16.
    assert.deepEqual(counts(await take(26)), [0, 16, 0, 10]);
  });

  it("skips no class for longer than its weight says, while higher classes have more than can run", async () => {
    const worker = executor(world);
    const ofEach = <T>(value: () => T) => ({ urgent: value(), high: value(), normal: value(), low: value() });
    // For each class: when its waiting tasks were accepted; for how many starts of other classes it has waited, now and
    // at most.
    const lines = ofEach((): number[] => []);
    const [ran, passed, mostPassed, longest] = [ofEach(() => 0), ofEach(() => 0), ofEach(() => 0), ofEach(() => 0)];
    for (let second = 0; second < 2_400; second++) {
      const now = world.clock.now;
      for (const priority of ["high", "normal", ...(second % 60 === 0 ? ["low" as const] : [])] as const) {
        await add(priority);
        lines[priority].push(now);
      }
      const [grant] = (await worker.sync()).grants;
      assert.ok(grant);
      for (const priority of CLASSES) {
        const picked = grant.task.class === priority;
        longest[priority] = Math.max(longest[priority], now - (lines[priority][0] ?? now));
        passed[priority] = picked || lines[priority].length === 0 ? 0 : passed[priority] + 1;
        mostPassed[priority] = Math.max(mostPassed[priority], passed[priority]);
      }
      lines[grant.task.class].shift();
      ran[grant.task.class] += 1;
      await world.queue.complete(grant.task.id, grant.fence, Buffer.from(""), {});
      worker.held.clear();
      world.clock.now += 1_000;
    }
    // The bounds of the rule: the other classes at ten times their weight, against the class's own weight.
    const most = { urgent: 0, high: ((4 + 1) * 10) / 16, normal: ((16 + 1) * 10) / 4, low: (16 + 4) * 10 };
    for (const priority of CLASSES) {
      assert.ok(
        mostPassed[priority] <= most[priority],
        `${priority} waited for ${mostPassed[priority]} starts of others`,
      );
    }
    assert.ok(ran.low >= 25 && longest.low <= 15 * 60_000, `${ran.low} of low ran, and one waited ${longest.low} ms`);
  }).timeout(60_000);
});
