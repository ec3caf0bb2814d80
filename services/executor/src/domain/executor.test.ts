import assert from "node:assert/strict";
import {
  type Engine,
  type EngineRun,
  NO_OPTIONS,
  type RunOutcome,
  runFailure,
  type WindowSignal,
} from "@ccsp/engine-kit";
import { pino } from "pino";
import { createAdmission } from "./admission.js";
import type { Clock } from "./clock.js";
import { Executor } from "./executor.js";
import type { LeftEnd } from "./kept-ends.js";
import { LiveWindows } from "./live-windows.js";
import type { Answer, Lease, QueuePort, SyncAnswer, SyncRequest } from "./queue.js";
import type { AttemptEnd } from "./trace.js";

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

const success: RunOutcome = {
  ok: true,
  result: {
    text: "done",
    usage: undefined,
    costUsd: undefined,
    conversationId: "c",
    engineVersion: "1",
    model: "m",
    turns: 1,
    runMs: 1,
  },
};

const leaseOf = (taskId: string, fence = 1n): Lease => ({
  ...NO_OPTIONS,
  taskId,
  fence,
  agentId: "a",
  engine: "fake",
  prompt: "p",
  attachments: [],
  includeFiles: [],
  workingFolder: "",
  permissionMode: undefined,
  conversation: undefined,
  limits: { wallMs: undefined, outputBytes: undefined, turns: undefined, budgetUsd: undefined },
  attempt: 1,
  traceparent: "",
  previousTraceparent: "",
});

const admit = createAdmission({
  policy: {
    roots: [],
    permissionModes: ["default"],
    deniedTools: [],
    wallMs: 1_000_000,
    maxWallMs: 1_000_000,
    outputBytes: 1_000,
    projectSettings: false,
    maxTurns: undefined,
    maxBudgetUsd: undefined,
    includeBytes: 0,
  },
  files: { resolve: async () => undefined, read: async () => "changed" },
  moreRoots: async () => [],
  noWorkingFolders: undefined,
});

const NO_NEWS: SyncAnswer = {
  leases: [],
  cancellations: [],
  lostTaskIds: [],
  runHolds: [],
  emergency: undefined,
  nextSyncMs: 10_000,
  leaseMs: 30_000,
  timeMs: undefined,
  backlog: [],
};

/** An executor whose queue, engine and time the test controls. */
function setUp({
  aheadMs = 0,
  graceMs = 0,
  drainMs = 5_000,
  log = pino({ level: "silent" }),
  left = [] as LeftEnd[],
  report = async (): Promise<Answer> => "ok",
} = {}) {
  let now = 0;
  const waits: { readonly until: number; readonly ms: number; end(): void; over: boolean }[] = [];
  const clock: Clock = {
    now: () => now,
    date: () => now + aheadMs,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        const wait = { until: now + ms, ms, over: signal?.aborted === true, end: () => {} };
        wait.end = () => {
          wait.over = true;
          resolve();
        };
        if (wait.over) return resolve();
        signal?.addEventListener("abort", wait.end, { once: true });
        waits.push(wait);
      }),
  };
  const syncs: { request: SyncRequest; answer: (answer: SyncAnswer | "stale") => void; fail: () => void }[] = [];
  const endings: string[] = [];
  const answers: ((answer: Answer) => void)[] = [];
  const ending =
    (how: string) =>
    (lease: { taskId: string }, ...rest: unknown[]): Promise<Answer> => {
      endings.push(`${how} ${lease.taskId}`);
      const signal = rest.at(-1);
      return new Promise((resolve, reject) => {
        answers.push(resolve);
        if (signal instanceof AbortSignal) signal.addEventListener("abort", () => reject(new Error("given up")));
      });
    };
  const queue: QueuePort = {
    sync: (request, signal) =>
      new Promise((resolve, reject) => {
        const fail = () => reject(new Error("no answer"));
        signal.addEventListener("abort", fail, { once: true });
        syncs.push({ request, answer: resolve, fail });
      }),
    report,
    complete: ending("complete"),
    fail: ending("fail"),
    release: ending("release"),
    saveConversation: async () => "ok",
    loadConversation: async () => "refused",
  };
  const kept = new Map<string, string>();
  const firstTexts: [string, number][] = [];
  const ahead: number[] = [];
  const ends: AttemptEnd[] = [];
  const runs: { taskId: string; stopped: boolean; held?: string; end: (outcome: RunOutcome) => void }[] = [];
  const engine: Engine = {
    name: "fake",
    capabilities: { streaming: true, usage: false, takes: [] },
    version: async () => "1",
    async start({ taskId }): Promise<EngineRun> {
      let end: (outcome: RunOutcome) => void = () => {};
      const outcome = new Promise<RunOutcome>((resolve) => {
        end = resolve;
      });
      const run: (typeof runs)[number] = { taskId, stopped: false, end };
      runs.push(run);
      const failure = runFailure("ENGINE_CRASH", "");
      return {
        pid: runs.length,
        events: (async function* () {})(),
        outcome,
        resources: { cpuMs: 7, peakMemoryBytes: 8 },
        processes: 2,
        broker: {
          use: { usage: undefined, costUsd: undefined, model: "", overBudget: undefined, retryAtMs: undefined },
          hold: (why) => Object.assign(run, { held: why }),
        },
        async stop() {
          run.stopped = true;
          end({ ok: false, failure, usage: undefined, costUsd: undefined });
        },
        kill: () => Promise.reject(new Error("is not killed here")),
      };
    },
  };
  const windows = new LiveWindows();
  const executor = new Executor({
    executorId: "x",
    bootId: "b",
    engines: [{ engine, slots: 2, version: "1", minimumVersion: undefined, origin: "built-in", brokered: false }],
    queue,
    tracing: {
      attempt: (_lease, work) =>
        work({
          traceparent: "",
          engine: () => ({ traceparent: "", add: () => {}, end: () => {} }),
          done: () => {},
          ended: () => {},
        }),
    },
    metrics: { started: () => {}, ended: (_engine, end) => void ends.push(end), ran: () => {} },
    clock,
    log,
    admit,
    hooks: { start: ({ request }, engine) => engine.start(request) },
    conversations: {
      begin: async () => undefined,
      keep: async () => ({ conversationId: "", transcriptFault: "", counted: async () => {} }),
    },
    kept: {
      put: async ({ taskId }, { how }) => void kept.set(taskId, how),
      remove: async ({ taskId }) => void kept.delete(taskId),
      left,
    },
    onClockAhead: (ms) => void ahead.push(ms),
    windows,
    warm: { waiting: () => 0, processes: () => 0, allow: async () => {} },
    graceMs,
    drainMs,
    adaptsSlots: true,
    onFirstText: (engine, ms) => void firstTexts.push([engine, ms]),
    giveBackMs: 1_000,
  });
  const running = executor.start("10.0.0.7:3002");
  return {
    executor,
    running,
    windows,
    syncs,
    runs,
    endings,
    ends,
    ahead,
    kept,
    last: () => syncs.at(-1)?.request,
    /** Answers the newest Sync. */
    async answer(part: Partial<SyncAnswer> = {}) {
      syncs.at(-1)?.answer({ ...NO_NEWS, ...part });
      await settled();
    },
    async fail() {
      syncs.at(-1)?.fail();
      await settled();
    },
    async confirm(answer: Answer = "ok") {
      answers.shift()?.(answer);
      await settled();
    },
    async pass(ms: number) {
      now += ms;
      for (const wait of waits) if (!wait.over && wait.until <= now) wait.end();
      await settled();
    },
  };
}

describe("the executor", () => {
  it("does not wait in its first Sync, is known to the queue when that is answered, then lets the queue hold the call", async () => {
    const x = setUp();
    assert.throws(() => x.executor.checkSync(), /has not answered yet/);
    assert.equal(x.last()?.maxWaitMs, 0);
    assert.equal(x.last()?.address, "10.0.0.7:3002");
    let known = false;
    void x.executor.known.then(() => (known = true));
    await x.fail();
    assert.equal(known, false);
    await x.pass(5_000);
    await x.answer();
    assert.equal(known, true);
    x.executor.checkSync();
    assert.equal(x.syncs.length, 3);
    assert.equal(x.last()?.maxWaitMs, 10_000);
    assert.equal(x.last()?.sequence, 3);
    await x.pass(31_000);
    assert.throws(() => x.executor.checkSync(), /last answered 31000 ms ago/);
  });

  it("tells the queue of a closed window at once, of other windows with the next call, and of each until it is answered", async () => {
    const x = setUp();
    await x.answer();
    const window = (name: string, state: WindowSignal["state"], share: number): WindowSignal => ({
      name,
      state,
      resetMs: 1_000_000,
      share,
      lengthMs: undefined,
    });
    const tell = async (...windows: WindowSignal[]) => {
      x.windows.note("fake", windows);
      await settled();
    };
    const told = () => x.last()?.windows;
    await tell(window("day", "warning", 0.9));
    assert.deepEqual([x.syncs.length, told()], [2, []]);
    await tell(window("hour", "closed", 1));
    const all = [window("day", "warning", 0.9), window("hour", "closed", 1)];
    assert.deepEqual([x.syncs.length, told()], [3, [{ engine: "fake", account: "", windows: all }]]);
    await x.fail();
    await x.pass(5_000);
    assert.deepEqual([x.syncs.length, told()], [4, [{ engine: "fake", account: "", windows: all }]]);
    await tell({ ...window("hour", "closed", 1), resetMs: 1_000_001 }, window("day", "warning", 0.905));
    await x.answer();
    await x.pass(1_000);
    assert.deepEqual([x.syncs.length, told()], [5, []]);
    await tell(window("day", "warning", 0.91));
    await x.answer();
    await x.pass(1_000);
    assert.deepEqual(told(), [{ engine: "fake", account: "", windows: [window("day", "warning", 0.91)] }]);
  });

  it("says once that another process has its id, is not ready meanwhile, and takes work again when that one is gone", async () => {
    const lines: string[] = [];
    const x = setUp({ log: pino({ level: "error" }, { write: (line) => void lines.push(line) }) });
    await x.answer();
    for (let times = 0; times < 3; times += 1) {
      x.syncs.at(-1)?.answer("stale");
      await settled();
      assert.throws(() => x.executor.checkSync(), /another process calls the queue under the id of this executor/);
      await x.pass(10_000);
    }
    assert.deepEqual(
      lines.map((line) => /CCSP_EXECUTOR_ID/.test(line)),
      [true],
    );
    await x.answer({ leases: [leaseOf("t1")] });
    x.executor.checkSync();
    assert.equal(x.runs.length, 1);
  });

  it("lists a lease until its end was answered, and offers the slot as soon as the engine has ended", async () => {
    const x = setUp();
    await x.answer({ leases: [leaseOf("t1")] });
    assert.deepEqual(x.last()?.leases, [{ taskId: "t1", fence: 1n }]);
    await x.answer({ leases: [leaseOf("t2")] });
    assert.equal(x.last()?.engines[0]?.freeSlots, 0);
    x.runs[0]?.end(success);
    await settled();
    assert.equal(x.last()?.engines[0]?.freeSlots, 1);
    assert.deepEqual(x.last()?.leases, [
      { taskId: "t1", fence: 1n },
      { taskId: "t2", fence: 1n },
    ]);
    await x.confirm();
    await x.pass(10_000);
    await x.answer();
    assert.deepEqual(x.last()?.leases, [{ taskId: "t2", fence: 1n }]);
  });

  it("keeps a waiting call that already offers a slot when another slot becomes free", async () => {
    const x = setUp();
    await x.answer({ leases: [leaseOf("t1")] });
    const before = x.syncs.length;
    x.runs[0]?.end(success);
    await settled();
    await x.confirm();
    assert.equal(x.syncs.length, before);
    await x.answer({ leases: [leaseOf("t2")] });
    assert.deepEqual([x.last()?.leases.length, x.last()?.engines[0]?.freeSlots], [1, 1]);
  });

  it("reports changed slots at once, and lets runs above a lower number continue", async () => {
    const x = setUp();
    await x.answer({ leases: [leaseOf("t1"), leaseOf("t2")] });
    x.executor.setSlots("fake", 1);
    await settled();
    assert.equal(x.last()?.engines[0]?.freeSlots, 0);
    x.runs[0]?.end(success);
    await settled();
    assert.equal(x.last()?.engines[0]?.freeSlots, 0);
    assert.equal(x.runs[1]?.stopped, false);
    x.executor.setSlots("fake", 3);
    await settled();
    assert.deepEqual([x.last()?.engines[0]?.freeSlots, x.last()?.engines[0]?.slots], [2, 3]);
    assert.throws(() => x.executor.setSlots("other", 1), { reason: "ENGINE_UNKNOWN" });
  });

  it("reports slots that it adapts by itself with the reason, and leaves those alone that a person has set", async () => {
    const x = setUp();
    await x.answer({ backlog: [{ engine: "fake", waiting: 7, oldestAgeMs: 9 }] });
    assert.equal(x.last()?.adaptsSlots, true);
    assert.equal(x.executor.backlog("fake").waiting, 7);
    const change = { before: 2, after: 4, reason: "work waits", timeMs: 5, dryRun: false };
    x.executor.adaptSlots("fake", change);
    await settled();
    assert.deepEqual(x.last()?.engines[0]?.slots, 4);
    assert.deepEqual(x.last()?.slotChanges, [{ engine: "fake", change }]);
    x.executor.adaptSlots("fake", { ...change, before: 4, after: 9, dryRun: true });
    await settled();
    assert.deepEqual([x.last()?.engines[0]?.slots, x.last()?.slotChanges[0]?.change.after], [4, 9], "it only says so");
    x.executor.setSlots("fake", 1);
    assert.deepEqual(x.executor.adaptable(), []);
    x.executor.adaptSlots("fake", change);
    await settled();
    assert.deepEqual([x.last()?.engines[0]?.slots, x.last()?.slotChanges], [1, []]);
  });

  it("takes no work while an operator drains it, lets runs continue, and takes work again after", async () => {
    const x = setUp();
    await x.answer({ leases: [leaseOf("t1")] });
    x.executor.setDraining(true);
    await settled();
    assert.deepEqual([x.last()?.draining, x.last()?.engines[0]?.freeSlots], [true, 0]);
    assert.equal(x.runs[0]?.stopped, false);
    x.executor.setDraining(false);
    await settled();
    assert.deepEqual([x.last()?.draining, x.last()?.engines[0]?.freeSlots], [false, 1]);
  });

  it("sends a Sync again at once when the queue answers early about a lease that has ended meanwhile", async () => {
    const x = setUp();
    await x.answer({ leases: [leaseOf("t1")] });
    x.runs[0]?.end(success);
    await settled();
    await x.confirm();
    const before = x.syncs.length;
    await x.answer({ lostTaskIds: ["t1"] });
    await x.pass(50);
    assert.equal(x.syncs.length, before + 1);
  });

  it("does not repeat Syncs without a pause while it is full, or while it ends a cancelled run", async () => {
    const x = setUp();
    await x.answer({ leases: [leaseOf("t1"), leaseOf("t2")] });
    const before = x.syncs.length;
    await x.answer();
    await x.pass(999);
    assert.equal(x.syncs.length, before);
    await x.pass(1);
    assert.equal(x.syncs.length, before + 1);
  });

  it("stops a run on a cancel order and fails it as cancelled, once", async () => {
    const x = setUp();
    const id = { taskId: "t1", fence: 1n };
    await x.answer({ leases: [leaseOf("t1")] });
    await x.answer({ cancellations: [id] });
    await x.pass(10_000);
    await x.answer({ cancellations: [id] });
    assert.equal(x.runs[0]?.stopped, true);
    assert.deepEqual(x.endings, ["fail t1"]);
  });

  it("holds the runs that the newest answer names, and lets the others go on", async () => {
    const x = setUp();
    await x.answer({ leases: [leaseOf("t1"), leaseOf("t2")] });
    const held = async (...runHolds: SyncAnswer["runHolds"]) => {
      await x.answer({ runHolds });
      await x.pass(10_000);
      return x.runs.map((run) => run.held);
    };
    const reason = "budget b is used up";
    assert.deepEqual(await held({ taskId: "t1", fence: 1n, reason }), [reason, undefined]);
    assert.deepEqual(await held({ taskId: "t2", fence: 1n, reason }, { taskId: "t1", fence: 9n, reason }), [
      undefined,
      reason,
    ]);
    assert.deepEqual(await held(), [undefined, undefined]);
  });

  it("gives back leases without a process at NO_START, and lets runs with a process continue", async () => {
    const x = setUp();
    await x.answer({ leases: [leaseOf("t1")] });
    await x.answer({ leases: [leaseOf("t2")], emergency: { id: "e", level: "no-start" } });
    assert.deepEqual(x.endings, ["release t2"]);
    assert.deepEqual(
      x.runs.map(({ taskId, stopped }) => [taskId, stopped]),
      [["t1", false]],
    );
  });

  it("sends a failure that the queue refused again as plain text, so the task does not run for ever", async () => {
    const x = setUp();
    await x.answer({ leases: [leaseOf("t1")] });
    x.runs[0]?.end({ ok: false, failure: runFailure("ENGINE_CRASH", "odd"), usage: undefined, costUsd: -1 });
    await settled();
    await x.confirm("refused");
    await x.confirm();
    assert.deepEqual([x.endings, x.ends], [["fail t1", "fail t1"], ["OUTPUT_LIMIT"]]);
  });

  it("completes a task whose answer came before the cancel", async () => {
    const x = setUp();
    await x.answer({ leases: [leaseOf("t1")] });
    x.runs[0]?.end(success);
    await settled();
    await x.answer({ cancellations: [{ taskId: "t1", fence: 1n }] });
    assert.deepEqual(x.endings, ["complete t1"]);
  });

  it("ends an attempt by the answer to Complete, even if a Sync says meanwhile that the lease is gone", async () => {
    const x = setUp();
    await x.answer({ leases: [leaseOf("t1")] });
    x.runs[0]?.end(success);
    await settled();
    const before = x.syncs.length;
    await x.answer({ lostTaskIds: ["t1"] });
    await x.pass(50);
    assert.equal(x.syncs.length, before + 1, "waited although slots are free");
    assert.deepEqual(x.last()?.leases, []);
    await x.confirm();
    assert.deepEqual(x.ends, ["SUCCEEDED"]);
  });

  it("renews leases only by answered Syncs, counted from when they were sent", async () => {
    const x = setUp();
    await x.answer({ leases: [leaseOf("t1")] });
    await x.pass(10_000);
    await x.answer();
    await x.pass(10_000);
    // This Sync was sent at 10 s. So the lease of 30 s now ends at 40 s.
    await x.answer();
    await x.fail();
    await x.pass(19_999);
    assert.equal(x.runs[0]?.stopped, false);
    await x.pass(1);
    assert.equal(x.runs[0]?.stopped, true);
  });

  it("holds a lease exactly as long as the queue does, however far its clock is ahead of the queue's or behind", async () => {
    for (const aheadMs of [11_000, 3_600_000, -30_000, -3_600_000]) {
      const x = setUp({ aheadMs });
      await x.pass(5_000);
      // This Sync was sent at 0 s. The queue's own 30 s began later.
      await x.answer({ leases: [leaseOf("t1")] });
      await x.fail();
      await x.pass(24_999);
      assert.equal(x.runs[0]?.stopped, false, `${aheadMs}`);
      await x.pass(1);
      assert.equal(x.runs[0]?.stopped, true, `${aheadMs}`);
    }
  });

  it("ends an engine early enough that it is gone when its lease ends, at most a quarter of the lease before", async () => {
    for (const [graceMs, untilMs] of [
      [3_000, 27_000],
      [60_000, 22_500],
    ] as const) {
      const x = setUp({ graceMs });
      await x.answer({ leases: [leaseOf("t1")] });
      await x.fail();
      await x.pass(untilMs - 1);
      assert.equal(x.runs[0]?.stopped, false);
      await x.pass(1);
      assert.equal(x.runs[0]?.stopped, true);
    }
  });

  it("holds leases for the time in the newest answer", async () => {
    const x = setUp();
    await x.answer({ leases: [leaseOf("t1")] });
    await x.pass(10_000);
    await x.answer();
    await x.answer({ leaseMs: 12_000 });
    await x.fail();
    await x.pass(11_999);
    assert.equal(x.runs[0]?.stopped, false);
    await x.pass(1);
    assert.equal(x.runs[0]?.stopped, true);
  });

  it("reports how far its clock is ahead of the queue's, if the queue sends its time", async () => {
    const x = setUp({ aheadMs: 11_000 });
    await x.pass(1_000);
    await x.answer({ timeMs: 990 });
    await x.answer();
    assert.deepEqual(x.ahead, [11_010]);
  });

  it("doubles its pauses while the queue does not answer, then sends a Sync without waiting", async () => {
    const x = setUp();
    await x.answer();
    for (let failures = 0; failures < 3; failures++) {
      await x.fail();
      await x.pass(10_000);
    }
    assert.equal(x.syncs.length, 5);
    assert.equal(x.last()?.maxWaitMs, 0);
  });

  it("drains: offers nothing, lets runs continue for the drain time, then gives them back, and sends a last Sync with an empty list", async () => {
    const x = setUp();
    await x.answer({ leases: [leaseOf("t1")] });
    const closed = x.running.close();
    await settled();
    assert.deepEqual([x.last()?.draining, x.last()?.engines[0]?.freeSlots], [true, 0]);
    await x.answer({ leases: [leaseOf("t2")] });
    assert.deepEqual(x.endings, ["release t2"], "a lease that still comes is given back unstarted");
    await x.confirm();
    await x.pass(5_000);
    assert.equal(x.runs[0]?.stopped, true);
    await x.confirm();
    assert.deepEqual(x.endings, ["release t2", "release t1"]);
    await settled();
    assert.deepEqual([x.last()?.leases, x.last()?.maxWaitMs], [[], 0]);
    await x.answer();
    await closed;
  });

  it("lets runs continue for the whole drain time only while the queue answers, and for 30 s when it does not", async () => {
    const x = setUp({ drainMs: 600_000 });
    await x.answer({ leases: [leaseOf("t1"), leaseOf("t2"), leaseOf("t3")], leaseMs: 90_000 });
    const closed = x.running.close();
    await settled();
    for (let times = 0; times < 50; times++) {
      await x.answer({ leaseMs: 90_000 });
      await x.pass(10_000);
    }
    await x.answer({ leaseMs: 90_000 });
    x.runs[0]?.end(success);
    x.runs[1]?.end({ ok: false, failure: runFailure("TIMEOUT", "late"), usage: undefined, costUsd: undefined });
    await settled();
    assert.deepEqual([[...x.kept], x.endings.toSorted()], [[], ["complete t1", "fail t2"]]);
    await x.fail();
    await x.pass(1_000);
    const ended = { t1: "complete", t2: "fail" };
    assert.deepEqual(Object.fromEntries(x.kept), ended, "a kill of the executor no longer loses them");
    await x.pass(28_999);
    assert.equal(x.runs[2]?.stopped, false);
    await x.pass(1);
    assert.equal(x.runs[2]?.stopped, true);
    await x.fail();
    await x.pass(1_000);
    await closed;
    assert.deepEqual(Object.fromEntries(x.kept), { ...ended, t3: "release" }, "the next boot tells them");
  });

  it("keeps the end of a run only until the queue has answered it", async () => {
    const x = setUp();
    await x.answer({ leases: [leaseOf("t1"), leaseOf("t2")] });
    for (const run of x.runs) run.end(success);
    await settled();
    await x.pass(1_000);
    assert.deepEqual([...x.kept.keys()], ["t1", "t2"]);
    await x.confirm();
    await x.confirm("lost");
    assert.deepEqual([[...x.kept], x.ends], [[], ["SUCCEEDED", "LOST"]]);
  });

  it("tells the queue a result although its lease is lost, because the queue's fence decides", async () => {
    const reported = Promise.withResolvers<Answer>();
    const x = setUp({ report: () => reported.promise });
    await x.answer({ leases: [leaseOf("t1")] });
    x.runs[0]?.end(success);
    await settled();
    reported.resolve("lost");
    await settled();
    assert.deepEqual(x.endings, ["complete t1"]);
    await x.confirm();
    assert.deepEqual(x.ends, ["SUCCEEDED"]);
  });

  it("tells the queue what an earlier boot left before its first Sync, repeats it, and drops what is not taken", async () => {
    const told: ((answer: Answer | Error) => void)[] = [];
    const tell = () =>
      new Promise<Answer>((resolve, reject) => {
        told.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
      });
    const lines: string[] = [];
    const log = pino({ level: "info" }, { write: (line) => void lines.push(line) });
    const left = ["t1", "t2"].map((taskId) => ({ taskId, fence: 1n, how: "complete" as const, tell }));
    const x = setUp({ left, log });
    for (const { taskId, how } of left) x.kept.set(taskId, how);
    told.shift()?.(new Error("no answer"));
    await settled();
    await x.pass(100);
    assert.deepEqual([x.syncs.length, [...x.kept.keys()]], [0, ["t1", "t2"]]);
    told.shift()?.("lost");
    await settled();
    assert.deepEqual([x.syncs.length, [...x.kept.keys()]], [0, ["t1"]]);
    told.shift()?.("ok");
    await settled();
    assert.deepEqual([x.syncs.length, [...x.kept.keys()]], [1, []]);
    assert.match(lines[0] ?? "", /"task":"t2".*does not take the end/);
  });

  it("leaves what an earlier boot left to the next one if it stops before the queue answers", async () => {
    const tell = (signal: AbortSignal) =>
      new Promise<Answer>((_, reject) => signal.addEventListener("abort", () => reject(new Error("given up"))));
    const x = setUp({ left: [{ taskId: "t1", fence: 1n, how: "complete", tell }] });
    x.kept.set("t1", "complete");
    const closed = x.running.close();
    await settled();
    await x.fail();
    await x.pass(1_000);
    await closed;
    assert.deepEqual([...x.kept.keys()], ["t1"]);
  });
});
