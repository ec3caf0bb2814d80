import assert from "node:assert/strict";
import { CallError } from "@ccsp/grpc-kit";
import type { EstimateTaskResponse } from "@ccsp/protos/ccsp/queue/v1/explanation.js";
import { BlockerKind } from "@ccsp/protos/ccsp/task/v1/explanation.js";
import { PermissionMode, Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { eventually } from "@ccsp/testkit";
import { type QueueClient, result, serveReplica, spec, syncRequest } from "./grpc-world.js";
import { scopes } from "./scopes.js";
import { executor, newTask, startWorld, type World } from "./world.js";

for (const shards of [1, 4]) describe(`EstimateTask in ${shards} shards`, () => estimates(shards));

function estimates(shards: number): void {
  let world: World;
  let replica: Awaited<ReturnType<typeof serveReplica>>;
  let client: QueueClient;
  before(async () => {
    world = await startWorld({ shards });
    replica = await serveReplica(world);
    client = replica.client;
  });
  after(async () => {
    await replica.close();
    await world.close();
  });
  beforeEach(() => world.reset());

  const estimate = (more: Parameters<typeof spec>[0] = {}, agentId = "alice"): Promise<EstimateTaskResponse> =>
    client.estimateTask({ agentId, spec: spec({ prompt: "", ...more }) });
  const startMs = async (...asked: Parameters<typeof estimate>) => {
    const { start } = await estimate(...asked);
    return start && durationMs(start.p50);
  };
  const learn = async (times: readonly number[], agent = "alice") => {
    for (const ms of times) await world.store.rememberRun(newTask({ agent }, shards), { ms, model: "" });
  };

  it("refuses what Enqueue refuses, and stores nothing", async () => {
    const wrong = { ...spec({ priority: 9 as Priority, maxAttempts: 11 }) };
    const calls = [
      [wrong, "INVALID_FIELD"],
      [undefined, "INVALID_FIELD"],
      [spec({ engine: "nope" }), "ENGINE_UNKNOWN"],
      [spec({ conversation: { id: "0-unknown", fork: false } }), "CONVERSATION_NOT_FOUND"],
    ] as const;
    for (const [asked, reason] of calls) {
      await assert.rejects(client.estimateTask({ agentId: "alice", spec: asked }), (error) => {
        assert.ok(error instanceof CallError);
        assert.equal(error.reason, reason);
        return true;
      });
    }
    await estimate();
    assert.deepEqual(await world.keys(), []);
  });

  it("refuses, as Enqueue does, what every executor of the engine forbids, until one allows it", async () => {
    const most = { wallTime: undefined, outputBytes: 100n };
    const policy = {
      roots: ["/srv"],
      noWorkingFolders: false,
      rootsMayChange: false,
      most,
      deniedTools: [],
      permissionModes: [PermissionMode.PLAN],
    };
    await client.sync(syncRequest({ policy }));
    const asked = spec({
      permissionMode: PermissionMode.SKIP,
      workingFolder: "/etc",
      limits: { wallTime: undefined, outputBytes: 101n },
    });
    const allowed = spec({
      permissionMode: PermissionMode.PLAN,
      workingFolder: "/srv/a",
      limits: { wallTime: undefined, outputBytes: 100n },
    });
    const calls = (of: typeof asked) => [
      client.estimateTask({ agentId: "alice", spec: of }),
      client.enqueue({ agentId: "alice", spec: of, requestId: "" }),
    ];
    for (const call of calls(asked)) {
      await assert.rejects(call, (error) => {
        assert.ok(error instanceof CallError);
        assert.equal(error.reason, "INVALID_FIELD");
        assert.deepEqual(
          error.fields.map(({ field, description }) => `${field}: ${description}`),
          [
            "spec.permission_mode: no executor of claude-code allows it: only plan",
            "spec.working_folder: no executor of claude-code allows it: it is in no allowed folder",
            "spec.limits.output_bytes: no executor of claude-code allows it: at most 100",
          ],
        );
        return true;
      });
    }
    const items = [asked, allowed].map((of) => ({ spec: of, requestId: "" }));
    const { outcomes } = await client.enqueueBatch({ agentId: "alice", items });
    assert.deepEqual(
      outcomes.map(({ outcome }) => outcome?.$case),
      ["refused", "taskId"],
    );
    await Promise.all(calls(allowed));
    // A repeated request gets its task, although no executor allows it any more.
    const twice = { agentId: "alice", spec: allowed, requestId: "twice" };
    const { task } = await client.enqueue(twice);
    await client.sync(syncRequest({ sequence: 2n, policy: { ...policy, roots: [] } }));
    assert.equal((await client.enqueue(twice)).task?.id, task?.id);
    const again = await client.enqueueBatch({ agentId: "alice", items: [{ spec: allowed, requestId: "twice" }] });
    assert.deepEqual(again.outcomes[0]?.outcome, { $case: "taskId", value: task?.id });
    // The queue does not judge folders that may change at any time.
    await client.sync(syncRequest({ sequence: 3n, policy: { ...policy, roots: [], rootsMayChange: true } }));
    await Promise.all(calls(allowed));
    // One of an earlier release does not tell its policy.
    await client.sync(syncRequest({ executorId: "ex-2" }));
    await Promise.all(calls(asked));
  });

  it("learns from results how long runs take, and returns it in quantiles", async () => {
    assert.equal((await estimate()).runTime, undefined);
    const { task } = await client.enqueue({ agentId: "alice", spec: spec() });
    const [lease] = (await client.sync(syncRequest())).leases;
    assert.equal(lease?.taskId, task?.id);
    const runTime = { seconds: 42n, nanos: 0 };
    await client.complete({ taskId: lease?.taskId ?? "", fence: lease?.fence ?? 0n, result: result({ runTime }) });
    await eventually(async () =>
      assert.deepEqual((await estimate()).runTime, { p50: runTime, p90: runTime, p95: runTime }),
    );
    assert.deepEqual(
      (await estimate({ engine: "opencode" })).runTime,
      undefined,
      "another engine has its own run times",
    );
  });

  it("says that a task starts at once where a slot is free, even without any known run time", async () => {
    assert.deepEqual((await estimate()).blockers[0]?.kind, BlockerKind.NO_EXECUTOR);
    assert.equal(await startMs(), undefined);
    await executor(world, { slots: 1 }).sync();
    assert.deepEqual(await estimate(), {
      blockers: [],
      runTime: undefined,
      start: { p50: { seconds: 0n, nanos: 0 }, p90: { seconds: 0n, nanos: 0 }, p95: { seconds: 0n, nanos: 0 } },
    });
    await world.queue.enqueue(newTask({ agent: "bob" }, shards));
    await executor(world, { slots: 1 }).sync({ sequence: 2n });
    assert.equal(await startMs(), undefined, "full, and no run time is known");
    await learn([8_000]);
    assert.equal(await startMs(), 8_000);
  });

  it("names what blocks the task, and the start after a gate with an end, and none behind a gate without", async () => {
    await executor(world, { slots: 1 }).sync();
    const opensMs = world.clock.now + 60_000;
    await world.gates.pause(scopes.agent("alice"), { who: "ada", why: "w", opensMs });
    const { start, blockers } = await estimate();
    assert.deepEqual([start && durationMs(start.p50), blockers[0]?.kind], [60_000, BlockerKind.GATE]);
    assert.equal(await startMs({}, "bob"), 0);
    await world.gates.pause(scopes.agent("alice"), { who: "ada", why: "w" });
    assert.equal(await startMs(), undefined);
  });

  it("puts an urgent task before the waiting ones, and a low one behind", async () => {
    await learn([10_000]);
    for (let i = 0; i < 20; i++) await world.queue.enqueue(newTask({ agent: `bob-${i % 3}`, class: "high" }, shards));
    await executor(world, { slots: 1 }).sync();
    const [urgent = 0, high = 0, low = 0] = await Promise.all(
      [Priority.URGENT, Priority.HIGH, Priority.LOW].map((priority) => startMs({ priority }, "zoe")),
    );
    assert.equal(urgent, 10_000);
    assert.ok(urgent < high && high < low, [urgent, high, low].join());
  });

  // Each replica takes turns among the shards on its own, so estimates over several shards are less exact.
  const factor = shards === 1 ? 2 : 4;
  it(`is correct for a full run: starts are within ${factor} times the estimated median, and most before the p95`, async () => {
    const random = seeded(7);
    const runMs = () => 5_000 + 40_000 * random() ** 3;
    const [ratios, inTime]: [number[], boolean[]] = [[], []];
    for (let drain = 0; drain < 12; drain++) {
      await world.reset();
      await learn(Array.from({ length: 100 }, runMs));
      const slots = 1 + Math.floor(random() * 4);
      const executors = [1, 2].map((i) => executor(world, { id: `ex-${i}`, slots, boot: `boot-${drain}` }));
      const waiting = 15 + Math.floor(random() * 30);
      for (let i = 0; i < waiting; i++) {
        await world.queue.enqueue(newTask({ agent: `bob-${Math.floor(random() * 4)}` }, shards));
      }
      const runs = new Map<string, { fence: number; endMs: number }>();
      const claim = async (asked?: string): Promise<boolean> => {
        for (const ex of executors) {
          for (const { task, fence } of (await ex.sync()).grants) {
            if (task.id === asked) return true;
            runs.set(task.id, { fence, endMs: world.clock.now + runMs() });
          }
        }
        return false;
      };
      await claim();
      const { start } = await estimate();
      const begin = world.clock.now;
      const { task } = await world.queue.enqueue(newTask({}, shards));
      for (let started = false; !started; started = await claim(task.id)) {
        const [id, { fence, endMs }] = [...runs].reduce((a, b) => (b[1].endMs < a[1].endMs ? b : a));
        world.clock.now = Math.ceil(endMs);
        runs.delete(id);
        for (const ex of executors) ex.held.delete(id);
        await world.queue.complete(id, fence, Buffer.of(), {});
      }
      const tookMs = world.clock.now - begin;
      ratios.push(tookMs / durationMs(start?.p50));
      inTime.push(tookMs <= durationMs(start?.p95));
    }
    const shown = ratios.map((each) => each.toFixed(2)).join(" ");
    assert.ok(
      ratios.every((each) => each > 1 / factor && each < factor),
      shown,
    );
    assert.ok(inTime.filter(Boolean).length >= 10, `${shown}; ${inTime.join(" ")}`);
  });
}

/** Numbers in [0, 1), the same for each seed: mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
