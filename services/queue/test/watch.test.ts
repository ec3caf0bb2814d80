import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { eventually } from "@ccsp/testkit";
import { reap } from "../src/domain/due/reaper.js";
import { NO_BOUNDS } from "../src/domain/intake/bounds.js";
import type { LogEntry } from "../src/domain/log/log-store.js";
import { runTask, watchTask } from "../src/domain/log/watch.js";
import { asAgent } from "../src/domain/task/caller.js";
import type { Task } from "../src/domain/task/task.js";
import type { FullTask } from "../src/domain/task/task-store.js";
import { logTopic, TICK_MS } from "../src/domain/wakes/wakes.js";
import { createShards } from "../src/redis/shards.js";
import { openWakes } from "../src/redis/wakes.js";
import { ENGINES, executor, failure, log, newTask, startWorld, type World, withoutTimeLimit } from "./world.js";

const contentOf = ({ content }: LogEntry): string =>
  content.kind === "state" ? content.state : content.kind === "answer" ? "answer" : String(Buffer.from(content.event));

describe("watching a task", () => {
  let world: World;
  let wakes: World["wakes"];
  // The second replica has its own connections.
  let other: RedisConnection;
  before(async () => {
    world = await startWorld();
    wakes = withoutTimeLimit(world.wakes);
    other = await openRedis(world.server.url, { log, name: "other" });
  });
  after(async () => {
    await other.close();
    await world.close();
  });
  beforeEach(() => world.reset());

  const reserve = async (): Promise<void> => undefined;
  const collect = async (
    id: string,
    afterSequence = 0,
    options: { stopAfter?: number; wakes?: World["wakes"]; untilNow?: boolean } = {},
  ) => {
    const seen: LogEntry[] = [];
    const deps = { store: world.store, wakes: options.wakes ?? wakes, reserve };
    for await (const { entry } of watchTask(
      deps,
      { id, caller: asAgent("alice"), afterSequence, untilNow: options.untilNow ?? false },
      new AbortController().signal,
    )) {
      seen.push(entry);
      if (seen.length === options.stopAfter) break;
    }
    return seen;
  };
  /** Collects the state in which the task is accepted, then its log. */
  const collectRun = async (id: string, accept: () => Promise<FullTask>) => {
    const seen: string[] = [];
    for await (const { accepted, watched } of runTask(
      { ...world, wakes, reserve },
      { id, accept },
      new AbortController().signal,
    )) {
      if (accepted) seen.push(accepted.task.state);
      if (watched) seen.push(contentOf(watched.entry));
    }
    return seen;
  };
  const run = async () => {
    const { task } = await world.queue.enqueue(newTask());
    const [grant] = (await executor(world, { id: `ex-${task.id}` }).sync()).grants;
    assert.ok(grant);
    const { fence } = grant;
    await world.queue.report({ id: task.id, fence, number: 1, started: { traceparent: "" }, entries: [] });
    return { id: task.id, fence };
  };

  it("shows each entry once, in order, to watchers that reconnect, while reports arrive through two replicas", async () => {
    const { id, fence } = await run();
    const otherStore = createShards(other.client, 1, { engines: ENGINES, bounds: NO_BOUNDS, retentionMs: 86_400_000 });
    const secondWakes = await openWakes(await other.duplicate(), other.client);
    const resuming = async (wakes: World["wakes"], every: number): Promise<LogEntry[]> => {
      const seen: LogEntry[] = [];
      for (;;) {
        const part = await collect(id, seen.at(-1)?.sequence ?? 0, { stopAfter: every, wakes });
        seen.push(...part);
        if (part.length < every) return seen;
        if (contentOf(part.at(-1) as LogEntry) === "SUCCEEDED") return seen;
      }
    };
    const there = withoutTimeLimit(secondWakes);
    const watchers = [resuming(wakes, 7), resuming(there, 1_000), resuming(there, 3)];
    // The reports of one fence are in order. Each is repeated through the other replica at the same time.
    const expected = ["QUEUED", "RUNNING"];
    for (let number = 2; number < 60; number++) {
      const entries = [Buffer.from(`${number}a`), Buffer.from(`${number}b`)];
      expected.push(...entries.map(String));
      const report = { id, fence, number, entries };
      await Promise.all([world.store.report(report), otherStore.report(report)]);
    }
    await Promise.all([
      world.queue.complete(id, fence, Buffer.from("x"), {}),
      world.queue.complete(id, fence, Buffer.from("y"), {}),
    ]);
    expected.push("SUCCEEDED");
    for (const seen of await Promise.all(watchers)) {
      assert.deepEqual(seen.map(contentOf), expected);
      assert.deepEqual(
        seen.map((entry) => entry.sequence),
        expected.map((_, i) => i + 1),
      );
    }
    await secondWakes.close();
  });

  it("ends after the last entry that is there when only these were asked for, whatever the state of the task", async () => {
    const { id, fence } = await run();
    const waiting = await world.queue.enqueue(newTask());
    const never: World["wakes"] = {
      ...world.wakes,
      listen: (topics) => ({ ...world.wakes.listen(topics), next: () => assert.fail("it waits for more") }),
    };
    const seen = async (id: string, after = 0) =>
      (await collect(id, after, { untilNow: true, wakes: never })).map(contentOf);
    assert.deepEqual(await seen(waiting.task.id), ["QUEUED"]);
    const many = Array.from({ length: 200 }, (_, at) => `entry ${at}`);
    await world.queue.report({ id, fence, number: 2, entries: many.map((text) => Buffer.from(text)) });
    assert.deepEqual(await seen(id), ["QUEUED", "RUNNING", ...many]);
    assert.deepEqual(await seen(id, 2), many);
    assert.deepEqual(await seen(id, 202), []);
  });

  it("is notified of a report and of the end as they come", async () => {
    const { id, fence } = await run();
    let waits = (): void => undefined;
    const noted: World["wakes"] = {
      ...wakes,
      listen(topics) {
        const listener = wakes.listen(topics);
        const next: typeof listener.next = (...args) => {
          waits();
          return listener.next(...args);
        };
        return { ...listener, next };
      },
    };
    const watcher = { id, caller: asAgent("alice"), afterSequence: 2 };
    const watch = watchTask({ store: world.store, wakes: noted, reserve }, watcher, new AbortController().signal);
    /** Resolves when the watcher waits. From then on, only a wake-up brings it news. */
    const idle = () => new Promise<void>((resolve) => void (waits = resolve));
    for (const change of [
      () => world.queue.report({ id, fence, number: 2, entries: [Buffer.from("text")] }),
      () => world.queue.complete(id, fence, Buffer.from("x"), {}),
    ]) {
      const waiting = idle();
      const next = watch.next();
      await waiting;
      await change();
      assert.equal((await next).done, false);
    }
    assert.equal((await watch.next()).done, true);
  });

  it("sends a late watcher the whole log, and nothing to one that saw all of it", async () => {
    const { id, fence } = await run();
    await world.queue.complete(id, fence, Buffer.from("x"), {});
    assert.deepEqual((await collect(id)).map(contentOf), ["QUEUED", "RUNNING", "SUCCEEDED"]);
    assert.deepEqual((await collect(id, 2)).map(contentOf), ["SUCCEEDED"]);
    assert.deepEqual(await collect(id, 3), []);
    assert.deepEqual(await collect(id, 1_000), []);
  });

  it("shows retries with their failure and their time, and exactly one end", async () => {
    const { id, fence } = await run();
    const watching = collect(id);
    await world.queue.fail(id, fence, failure(), {});
    world.clock.now += 1_000;
    await reap(world, { retentionMs: 1_000_000, maxEnded: 10, maxEndedBytes: 1e12 });
    const [grant] = (await executor(world, { id: "ex-2" }).sync()).grants;
    await world.queue.report({ id, fence: grant?.fence ?? 0, number: 1, started: { traceparent: "" }, entries: [] });
    await world.queue.fail(id, grant?.fence ?? 0, failure("INVALID_REQUEST", { retryable: false }), {});
    const seen = await watching;
    assert.deepEqual(seen.map(contentOf), ["QUEUED", "RUNNING", "PARKED", "QUEUED", "RUNNING", "FAILED"]);
    assert.deepEqual(
      seen.map((entry) => entry.attempt),
      [0, 1, 1, 1, 2, 2],
    );
    const parked = seen[2]?.content;
    assert.ok(parked?.kind === "state" && parked.note.readyMs === world.clock.now && parked.note.error);
  });

  it("shows the end of a task that ends before its acceptance is answered in the same call", async () => {
    const task = newTask();
    const heard = world.wakes.listen([logTopic(task.id)]);
    const accept = async () => {
      const accepted = await world.queue.enqueue(task);
      const [grant] = (await executor(world).sync()).grants;
      await world.queue.complete(task.id, grant?.fence ?? 0, Buffer.from("x"), {});
      await heard.next(TICK_MS, new AbortController().signal);
      return accepted;
    };
    assert.deepEqual(await collectRun(task.id, accept), ["QUEUED", "QUEUED", "SUCCEEDED"]);
    heard.close();
  });

  it("reads no log for a newly accepted task before the task changed", async () => {
    const task = newTask();
    let reads = 0;
    const store = {
      readLog: async (...where: Parameters<World["store"]["readLog"]>) => {
        reads += 1;
        return world.store.readLog(...where);
      },
      findPrompts: world.store.findPrompts,
      findPromptStarts: world.store.findPromptStarts,
      findResult: world.store.findResult,
    };
    const stop = new AbortController();
    const accept = async () => world.queue.enqueue(task);
    const stream = runTask({ store, wakes, reserve }, { id: task.id, accept }, stop.signal);
    const { value: first } = await stream.next();
    assert.equal(first?.watched?.entry.sequence, 1);
    const end = stream.next();
    stop.abort();
    assert.equal((await end).done, true);
    assert.equal(reads, 0);
  });

  it("shows the log of the earlier accepted task, when a call that submits one is repeated", async () => {
    const { id, fence } = await run();
    await world.queue.complete(id, fence, Buffer.from("x"), {});
    const accept = async () => world.queue.get(id, asAgent("alice"));
    assert.deepEqual(await collectRun(newTask().id, accept), ["SUCCEEDED", "QUEUED", "RUNNING", "SUCCEEDED"]);
  });

  it("does not show a lease that never started", async () => {
    const { task } = await world.queue.enqueue(newTask());
    const ex = executor(world);
    await ex.sync();
    ex.held.clear();
    await ex.sync({ freeSlots: 0 });
    await world.queue.cancel(task.id, asAgent("alice"), "");
    assert.deepEqual((await collect(task.id)).map(contentOf), ["QUEUED", "CANCELLED"]);
  });

  it("reads pages of limited bytes, and misses nothing of a log with large entries", async () => {
    const { id, fence } = await run();
    const sizes = [200_000, 200_000, 1, 1_000_000, 1, ...Array<number>(100).fill(10)];
    for (const [i, size] of sizes.entries()) {
      await world.queue.report({ id, fence, number: i + 2, entries: [Buffer.alloc(size, "x")] });
    }
    await world.queue.complete(id, fence, Buffer.from("r"), {});
    const pages: number[] = [];
    const store = {
      ...world.store,
      readLog: async (...where: Parameters<World["store"]["readLog"]>) => {
        const page = await world.store.readLog(...where);
        const bytes = (page?.entries ?? []).map(({ content }) =>
          content.kind === "reported" ? content.event.length : 0,
        );
        pages.push(bytes.reduce((sum, each) => sum + each, 0));
        return page;
      },
    };
    const seen: number[] = [];
    const watcher = { id, caller: asAgent("alice"), afterSequence: 0 };
    for await (const { entry } of watchTask({ store, wakes, reserve }, watcher, new AbortController().signal)) {
      seen.push(entry.sequence);
    }
    assert.deepEqual(
      seen,
      Array.from({ length: sizes.length + 3 }, (_, i) => i + 1),
    );
    assert.deepEqual(
      pages.filter((bytes) => bytes > 260_000),
      [1_000_000],
      "a single entry may be larger",
    );
  });

  it("reads a large result once for all concurrent watchers, and only when there is memory for it", async () => {
    const { id, fence } = await run();
    await world.queue.complete(id, fence, Buffer.alloc(3_000_000, "x"), {});
    const asked: number[] = [];
    let room = (): void => undefined;
    const noRoom = new Promise<void>((resolve) => void (room = resolve));
    let reads = 0;
    const deps = {
      store: { ...world.store, findResult: (task: Task) => ((reads += 1), world.store.findResult(task)) },
      wakes,
      reserve: async (bytes: number) => {
        asked.push(bytes);
        await noRoom;
      },
    };
    const watch = async () => {
      const watcher = { id, caller: asAgent("alice"), afterSequence: 2 };
      for await (const { result } of watchTask(deps, watcher, new AbortController().signal)) if (result) return result;
      return undefined;
    };
    const watching = [watch(), watch(), watch()];
    await eventually(() => assert.deepEqual(asked, [3_000_000, 3_000_000, 3_000_000]));
    assert.equal(reads, 0);
    room();
    const [first, ...others] = await Promise.all(watching);
    assert.equal(first?.byteLength, 3_000_000);
    for (const other of others) assert.ok(other === first, "each has its own bytes");
  });

  it("ends without an error when its signal aborts, and has no listener afterwards", async () => {
    const { id } = await run();
    const abort = new AbortController();
    const watching = watchTask(
      { ...world, wakes, reserve },
      { id, caller: asAgent("alice"), afterSequence: 2 },
      abort.signal,
    ).next();
    abort.abort();
    assert.equal((await watching).done, true);
  });

  it("refuses a negative sequence and an unknown task", async () => {
    const { id } = await run();
    const reason = (expected: string) => (error: unknown) => error instanceof Refusal && error.reason === expected;
    await assert.rejects(collect(id, -1), reason("INVALID_FIELD"));
    await assert.rejects(collect("0-00000000000000000000000000"), reason("TASK_NOT_FOUND"));
  });
});
