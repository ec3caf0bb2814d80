import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { decodeEvent, EVENTS_KEPT, eventsKey } from "@ccsp/events";
import { Priority, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { reap } from "../src/domain/due/reaper.js";
import { asAgent, OPERATOR } from "../src/domain/task/caller.js";
import { labelName } from "../src/domain/task/labels.js";
import { storeSpec } from "../src/messages/task-message.js";
import { executor, failure, newTask, startWorld, type World } from "./world.js";

for (const { twice, shards } of [
  { twice: false, shards: 1 },
  { twice: true, shards: 1 },
  { twice: false, shards: 4 },
]) {
  describe(`events of ${shards} shards${twice ? ", each script sent twice" : ""}`, () => {
    let world: World;
    before(async () => void (world = await startWorld({ twice, shards })));
    after(() => world.close());
    beforeEach(() => world.reset());
    events(() => world);
  });
}

describe("the stream of events", () => {
  it("keeps as many events when the queue writes as when another service does", async () => {
    const script = await readFile(new URL("../lua/shared/events.lua", import.meta.url), "utf8");
    assert.match(script, new RegExp(`'MAXLEN', '~', ${EVENTS_KEPT}\\)`));
  });
});

/** Each change makes one event, however often it is requested. A request that changes nothing makes none. */
function events(get: () => World): void {
  const eventsOf = async (id: string) => {
    const { redis, shards } = get();
    const ofShards = await Promise.all(
      Array.from({ length: shards }, async (_, shard) => {
        const entries = await redis.client.xrange(eventsKey(shard), "-", "+");
        return entries.map(([entry, fields]) => decodeEvent(shard, entry, fields));
      }),
    );
    return ofShards.flat().flatMap((event) => (event?.taskId === id && event.data ? [event.data] : []));
  };
  const told = async (id: string) => (await eventsOf(id)).map(({ $case }) => $case);
  const add = async (more: Parameters<typeof newTask>[0] = {}) => {
    get().clock.now++;
    return (await get().queue.enqueue(newTask(more, get().shards))).task;
  };
  let calls = 0;
  const lease = async (boot = "boot-1", id = `ex-${++calls}`) => {
    const ex = executor(get(), { id, boot });
    const [grant] = (await ex.sync()).grants;
    assert.ok(grant, "there is a lease");
    return { id: grant.task.id, fence: grant.fence, ex };
  };
  const report = { number: 1, started: { traceparent: "" }, entries: [] };
  const run = async () => {
    const leased = await lease();
    for (let i = 0; i < 2; i++) await get().queue.report({ ...report, id: leased.id, fence: leased.fence });
    return leased;
  };
  /** Runs the reaper as two replicas do: at the same time, and once more. */
  const tick = async () => {
    const round = () => reap(get(), { retentionMs: 1e12, maxEnded: 1e6, maxEndedBytes: 1e12 });
    await Promise.all([round(), round()]);
    await round();
  };
  const twofold = async (change: () => Promise<unknown>) => {
    await Promise.all([change(), change()]);
    await change();
  };

  it("report acceptance, start and end of a task that succeeds", async () => {
    const task = newTask({ request: { id: "r", hash: "h" } }, get().shards);
    for (let i = 0; i < 2; i++) await get().queue.enqueue({ ...task });
    const { id, fence } = await run();
    await twofold(() => get().queue.complete(id, fence, Buffer.of(), {}));
    assert.deepEqual(await told(id), ["taskEnqueued", "taskStarted", "taskCompleted"]);
  });

  it("report each failure and each start, and the end once", async () => {
    await add({ max: 2 });
    const first = await run();
    await twofold(() => get().queue.fail(first.id, first.fence, failure(), {}));
    get().clock.now += 60_000;
    await tick();
    const second = await run();
    await twofold(() => get().queue.fail(second.id, second.fence, failure(), {}));
    const all = ["taskEnqueued", "taskStarted", "taskRetried", "taskStarted", "taskFailed"];
    assert.deepEqual(await told(first.id), all);
    await twofold(() => get().queue.retry(first.id, OPERATOR, "again"));
    assert.deepEqual(await told(first.id), [...all, "taskRetried"], "a task that is put back is tried again");
  });

  it("report a cancel when the task has ended: at once for a waiting task, after its run for a running one", async () => {
    const waits = await add();
    await twofold(() => get().queue.cancel(waits.id, asAgent(waits.agent), "no"));
    assert.deepEqual(await told(waits.id), ["taskEnqueued", "taskCancelled"]);
    const runs = await add();
    const { id, fence } = await run();
    await twofold(() => get().queue.cancel(runs.id, asAgent(runs.agent), "no"));
    assert.deepEqual(await told(id), ["taskEnqueued", "taskStarted"]);
    await twofold(() => get().queue.fail(id, fence, failure("CANCELLED"), {}));
    assert.deepEqual(await told(id), ["taskEnqueued", "taskStarted", "taskCancelled"]);
  });

  it("report once a start deadline that passed, when two replicas see it at the same time", async () => {
    const { id } = await add({ conditions: { deadline: get().clock.now + 10 } });
    get().clock.now += 10;
    await tick();
    assert.deepEqual(await told(id), ["taskEnqueued", "taskExpired"]);
  });

  it("report a run that was lost or given back, and no lease without a run", async () => {
    const { id } = await add();
    const given = await lease();
    await get().queue.release(id, given.fence, "draining");
    await lease();
    get().clock.now += 31_000;
    await tick();
    assert.deepEqual(await told(id), ["taskEnqueued"], "nothing ran yet");
    await run();
    get().clock.now += 31_000;
    await tick();
    assert.deepEqual(await told(id), ["taskEnqueued", "taskStarted", "taskRetried"]);
    const again = await run();
    await twofold(() => get().queue.release(id, again.fence, "draining"));
    assert.deepEqual((await told(id)).slice(3), ["taskStarted", "taskRetried"]);
  });

  it("name the login, model, class and labels of each end and each failed attempt", async () => {
    const about = { priority: Priority.HIGH, labels: { repo: "a/b", "l=1": 'q" ü' }, account: "team" };
    const { spec } = storeSpec(TaskSpec.fromPartial({ model: "asked" }));
    const labels = Object.entries(about.labels).map(([key, value]) => labelName(key, value));
    const marked = { class: "high" as const, spec, labels };
    const leaseMarked = async () => {
      const [grant] = (await executor(get(), { id: `ex-${++calls}`, account: "team" }).sync()).grants;
      assert.ok(grant, "there is a lease");
      await get().queue.report({ ...report, id: grant.task.id, fence: grant.fence });
      return { id: grant.task.id, fence: grant.fence };
    };
    const last = async (id: string) => {
      const { $case, value } = (await eventsOf(id)).at(-1) ?? assert.fail("there is an event");
      const { model, priority, labels, account } = { model: "", priority: 0, labels: {}, account: "", ...value };
      return { $case, model, priority, labels, account };
    };

    await add({ ...marked, max: 2 });
    const first = await leaseMarked();
    await get().queue.fail(first.id, first.fence, failure(), { event: { usage: { inputTokens: "5" } } });
    assert.deepEqual(await last(first.id), { ...about, $case: "taskRetried", model: "asked" });
    get().clock.now += 60_000;
    await tick();
    const second = await leaseMarked();
    await get().queue.fail(second.id, second.fence, failure(), { event: { model: "ran" } });
    assert.deepEqual(await last(first.id), { ...about, $case: "taskFailed", model: "ran" });

    await add(marked);
    const done = await leaseMarked();
    await get().queue.complete(done.id, done.fence, Buffer.of(), { event: { model: "answered" } });
    assert.deepEqual(await last(done.id), { ...about, $case: "taskCompleted", model: "answered" });

    const waits = { ...about, account: "", model: "asked" };
    const stopped = await add(marked);
    await get().queue.cancel(stopped.id, asAgent(stopped.agent), "no");
    assert.deepEqual(await last(stopped.id), { ...waits, $case: "taskCancelled" });
    const late = await add({ ...marked, conditions: { deadline: get().clock.now + 10 } });
    get().clock.now += 10;
    await tick();
    assert.deepEqual(await last(late.id), { ...waits, $case: "taskExpired" });
  });

  it("do not report a change of class, the arrival of a start time, or the end of parking", async () => {
    const { id } = await add({ start: get().clock.now + 1_000 });
    await get().queue.setPriority(id, OPERATOR, "high");
    get().clock.now += 1_000;
    await tick();
    await get().queue.setPriority(id, OPERATOR, "low");
    assert.equal((await get().store.find(id))?.state, "QUEUED");
    assert.deepEqual(await told(id), ["taskEnqueued"]);
  });
}
