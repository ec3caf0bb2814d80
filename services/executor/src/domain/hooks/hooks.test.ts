import assert from "node:assert/strict";
import {
  type Engine,
  type EngineEvent,
  type EngineRun,
  HOOK_POINTS,
  type Hook,
  NO_OPTIONS,
  type RunOutcome,
  type RunRequest,
  runFailure,
} from "@ccsp/engine-kit";
import { pino } from "pino";
import type { Clock } from "../clock.js";
import type { InstalledHook } from "./hook-calls.js";
import { Hooks } from "./hooks.js";

const REQUEST: RunRequest = {
  ...NO_OPTIONS,
  taskId: "t",
  fence: 1n,
  prompt: "p",
  files: [],
  workingFolder: undefined,
  permissionMode: "default",
  traceparent: "",
  limits: { wallMs: 60_000, outputBytes: 1_000, turns: undefined, budgetUsd: undefined },
};

const DONE: RunOutcome = {
  ok: true,
  result: {
    text: "from the engine",
    usage: undefined,
    costUsd: 1,
    conversationId: "",
    engineVersion: "1",
    model: "m",
    turns: 1,
    runMs: 1,
  },
};

const never = () => new Promise<never>(() => {});
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const fails = async () => {
  throw new Error("planted");
};

const named = (name: string, hook: Hook, differs: Partial<InstalledHook> = {}): InstalledHook => ({
  name,
  origin: "a test",
  points: HOOK_POINTS,
  required: false,
  timeoutMs: 1_000,
  hook,
  ...differs,
});

const logins = { begin: () => async (outcome: RunOutcome) => outcome };

/** Hooks around an engine that emits `events` and ends with `outcome`. The test controls the time. */
function setUp(hooks: readonly InstalledHook[], { events = [] as readonly EngineEvent[], outcome = DONE } = {}) {
  let now = 0;
  const waits: { until: number; end: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    date: () => now,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        signal?.addEventListener("abort", () => resolve(), { once: true });
        waits.push({ until: now + ms, end: resolve });
      }),
  };
  const started: RunRequest[] = [];
  let stops = 0;
  const engine: Engine = {
    name: "fake",
    capabilities: { streaming: true, usage: false, takes: ["model"] },
    version: async () => "1",
    async start(request): Promise<EngineRun> {
      started.push(request);
      let end: (outcome: RunOutcome) => void = () => {};
      return {
        pid: 7,
        events: (async function* () {
          try {
            yield* events;
          } finally {
            end(outcome);
          }
        })(),
        outcome: new Promise((resolve) => {
          end = resolve;
        }),
        resources: { cpuMs: 1, peakMemoryBytes: 2 },
        processes: 1,
        stop: async () => void stops++,
        kill: async () => void stops++,
      };
    },
  };
  const counted: string[] = [];
  const all = new Hooks(hooks, {
    clock,
    log: pino({ level: "silent" }),
    metrics: { hookCalled: (hook, point, how) => void (how === "ok" || counted.push(`${hook} ${point} ${how}`)) },
  });
  const start = (request = REQUEST) =>
    all.start({ agentId: "agent", attempt: 2, engine: engine.name, request }, engine, logins);
  return {
    started,
    counted,
    start,
    status: () => all.status(),
    stops: () => stops,
    async pass(ms: number) {
      await settled();
      now += ms;
      for (const wait of waits) if (wait.until <= now) wait.end();
      await settled();
    },
    /** Reads a whole run. */
    async run(request = REQUEST) {
      const run = await start(request);
      const heard: EngineEvent[] = [];
      for await (const event of run.events) heard.push(event);
      return { run, heard, outcome: await run.outcome };
    },
  };
}

const failureOf = (outcome: RunOutcome) => {
  assert.ok(!outcome.ok, "succeeded");
  return [outcome.failure.category, outcome.failure.message];
};
const text = (said: string): EngineEvent => ({ type: "text", text: said });

describe("hooks", () => {
  it("are called in their order at every point, each with the changes of those before it", async () => {
    const log: string[] = [];
    const hook = (name: string): Hook => ({
      async beforeExecute({ request, agentId, attempt, engine }) {
        log.push(`${name} before ${request.prompt} ${agentId} ${attempt} ${engine}`);
        return { prompt: `${request.prompt}${name}`, model: name };
      },
      execute: async () => void log.push(`${name} execute`),
      onEvent: async (_run, event) => void log.push(`${name} ${event.type}`),
      afterExecute: async ({ request }, result) => void log.push(`${name} after ${request.prompt} ${result.text}`),
      onError: async () => void log.push(`${name} error`),
    });
    const x = setUp([named("a", hook("a")), named("b", hook("b"))], { events: [text("one")] });
    const { outcome, run } = await x.run();
    assert.equal(outcome, DONE);
    assert.deepEqual([run.pid, run.processes], [7, 1]);
    assert.deepEqual([x.started[0]?.prompt, x.started[0]?.model], ["pab", "b"]);
    assert.deepEqual(log, [
      "a before p agent 2 fake",
      "b before pa agent 2 fake",
      "a execute",
      "b execute",
      "a text",
      "b text",
      "a after pab from the engine",
      "b after pab from the engine",
    ]);
    assert.deepEqual(
      x.status().map(({ name, calls, failures }) => [name, calls, failures]),
      [
        ["a", 4, 0],
        ["b", 4, 0],
      ],
    );
  });

  it("fail no run when they throw, at any point, and are counted", async () => {
    const hook: Hook = { beforeExecute: fails, execute: fails, onEvent: fails, afterExecute: fails };
    const x = setUp([named("bad", hook), named("synchronous", { beforeExecute: () => assert.fail("planted") })], {
      events: [text("one")],
    });
    const { outcome, heard } = await x.run();
    assert.equal(outcome, DONE);
    assert.deepEqual(heard, [text("one")]);
    assert.deepEqual(x.started, [REQUEST]);
    assert.deepEqual(x.counted, [
      "bad before-execute failed",
      "synchronous before-execute failed",
      "bad execute failed",
      "bad on-event failed",
      "bad after-execute failed",
    ]);
    assert.deepEqual(x.status()[0]?.failures, 4);
  });

  it("are waited for only as long as their time limit, and their signal is aborted then", async () => {
    let aborted = false;
    const slow: Hook = {
      beforeExecute(_run, signal) {
        signal.addEventListener("abort", () => {
          aborted = true;
        });
        return never();
      },
    };
    const x = setUp([named("slow", slow)]);
    const running = x.run();
    await x.pass(999);
    assert.deepEqual([x.started.length, aborted], [0, false]);
    await x.pass(1);
    assert.equal((await running).outcome, DONE);
    assert.equal(aborted, true);
    assert.deepEqual(x.counted, ["slow before-execute timeout"]);
  });

  it("are no longer waited for, and no engine starts, once the run is stopped", async () => {
    for (const point of ["beforeExecute", "execute"] as const) {
      const unwanted = new AbortController();
      const ends: string[] = [];
      const slow: Hook = { [point]: never, onError: async (_run, { category }) => void ends.push(category) };
      const x = setUp([named("slow", slow, { required: true })]);
      const running = x.run({ ...REQUEST, unwanted: unwanted.signal });
      await settled();
      unwanted.abort();
      assert.equal(failureOf((await running).outcome)[0], "CANCELLED");
      assert.deepEqual([x.started, x.counted, ends], [[], [], ["CANCELLED"]], point);
    }
  });

  it("that are required delay no stopped run: they are notified of its end, and get no more events", async () => {
    const ends: string[] = [];
    const slow: Hook = { onEvent: never, onError: async (_run, { category }) => void ends.push(category) };
    const crash: RunOutcome = { ok: false, failure: runFailure("ENGINE_CRASH", ""), usage: undefined, costUsd: 2 };
    const events = Array.from({ length: 400 }, () => text("x"));
    const x = setUp([named("slow", slow, { required: true, timeoutMs: 10_000 })], { events, outcome: crash });
    const run = await x.start();
    await run.stop();
    const read = (async () => {
      for await (const _event of run.events);
    })();
    await read;
    assert.equal(await run.outcome, crash);
    assert.deepEqual(ends, ["CANCELLED"]);
  });

  for (const point of ["beforeExecute", "execute", "onEvent", "afterExecute"] as const) {
    it(`fail the run with HOOK_FAILED when they are required and fail: ${point}`, async () => {
      const ends: string[] = [];
      const witness: Hook = { onError: async (_run, { category }) => void ends.push(category) };
      const x = setUp([named("must", { [point]: fails }, { required: true }), named("witness", witness)], {
        events: [text("one")],
      });
      const { outcome } = await x.run();
      const name = { beforeExecute: "before-execute", execute: "execute", onEvent: "on-event" };
      const at = point === "afterExecute" ? "after-execute" : name[point];
      assert.deepEqual(failureOf(outcome), [
        "HOOK_FAILED",
        `the required hook must failed at ${at}; the executor's log says why`,
      ]);
      const inEngine = point === "onEvent" || point === "afterExecute";
      assert.equal(x.started.length, inEngine ? 1 : 0);
      assert.equal(x.stops(), point === "onEvent" ? 1 : 0);
      assert.deepEqual(ends, ["HOOK_FAILED"]);
      // The engine's cost is reported even if a hook failed.
      assert.equal(!outcome.ok && outcome.costUsd, inEngine ? 1 : undefined);
    });
  }

  it("may refuse a run, which is not a failure of the hook; the run does not start and later hooks see only the refusal", async () => {
    const ends: string[] = [];
    const later: Hook = {
      beforeExecute: () => assert.fail("was asked"),
      onError: async (_run, { message }) => void ends.push(message),
    };
    const x = setUp([named("guard", { beforeExecute: async () => ({ refuse: "not today" }) }), named("later", later)]);
    const { outcome, run } = await x.run();
    assert.deepEqual(failureOf(outcome), ["INVALID_REQUEST", "hook guard refused it: not today"]);
    assert.deepEqual([run.pid, x.started, ends], [0, [], ["hook guard refused it: not today"]]);
    assert.deepEqual(x.counted, []);
  });

  it("cannot change a request to an invalid one, or to one that the engine does not support", async () => {
    const changes = [{ systemPrompt: "x" }, { prompt: "" }, { prompt: 3 as unknown as string }];
    for (const change of changes) {
      const x = setUp([named("odd", { beforeExecute: async () => change })]);
      await x.run();
      assert.deepEqual([x.started, x.counted], [[REQUEST], ["odd before-execute failed"]]);
    }
  });

  it("see runs that could not be started or were stopped", async () => {
    const ends: string[] = [];
    const witness = named("witness", { onError: async (_run, { category }) => void ends.push(category) });
    const hooks = new Hooks([witness], {
      clock: { now: () => 0, date: () => 0, wait: never },
      log: pino({ level: "silent" }),
      metrics: { hookCalled: () => {} },
    });
    const broken: Engine = {
      name: "e",
      capabilities: { streaming: false, usage: false, takes: [] },
      version: async () => "",
      start: fails,
    };
    const asked = { agentId: "", attempt: 1, engine: broken.name, request: REQUEST };
    await assert.rejects(hooks.start(asked, broken, logins), /planted/);
    const crash: RunOutcome = { ok: false, failure: runFailure("ENGINE_CRASH", ""), usage: undefined, costUsd: 2 };
    const x = setUp([witness], { outcome: crash });
    const run = await x.start();
    await run.stop();
    for await (const _event of run.events);
    assert.equal(await run.outcome, crash);
    assert.deepEqual(ends, ["ENGINE_CRASH", "CANCELLED"]);
  });
});

describe("a hook that does runs itself", () => {
  const does = (handle: Awaited<ReturnType<NonNullable<Hook["execute"]>>>): Hook => ({ execute: async () => handle });

  it("answers instead of the engine: the first hook that takes the run does it", async () => {
    const first = does(async () => ({ text: "from the hook \ud800", costUsd: 0.5, model: "mine" }));
    const x = setUp([named("passes", does(undefined)), named("does", first), named("late", { execute: fails })]);
    const { outcome, heard, run } = await x.run();
    assert.ok(outcome.ok);
    const { text: answer, costUsd, model, engineVersion } = outcome.result;
    assert.deepEqual([answer, costUsd, model, engineVersion], ["from the hook \ufffd", 0.5, "mine", "hook does"]);
    const used = { type: "usage", turns: 1, usage: undefined, costUsd: 0.5, model: "mine", toolUses: 0 };
    assert.deepEqual([heard, run.pid, x.started, x.counted], [[text("from the hook \ufffd"), used], 0, [], []]);
  });

  it("may report a failure", async () => {
    const x = setUp([
      named(
        "does",
        does(async () => ({ failure: runFailure("RATE_LIMIT", "slowly") })),
      ),
    ]);
    assert.deepEqual(failureOf((await x.run()).outcome), ["RATE_LIMIT", "slowly"]);
  });

  it("leaves the run to the engine when it throws or returns an invalid answer, with the remaining time", async () => {
    const odd = [fails, async () => ({ text: 1 }), async () => ({ text: "x", costUsd: Number.NaN })];
    const failures = [
      { category: "NONE", message: "" },
      { category: "RATE_LIMIT", message: "without its traits" },
    ];
    for (const handle of [...odd, ...failures.map((failure) => async () => ({ failure }))]) {
      const x = setUp([named("does", does(handle as never))]);
      assert.equal((await x.run()).outcome, DONE);
      assert.deepEqual(x.counted, ["does execute failed"]);
    }
    let fail: (err: Error) => void = () => {};
    const x = setUp([
      named(
        "does",
        does(() => new Promise((_resolve, reject) => (fail = reject))),
      ),
    ]);
    const running = x.run();
    await x.pass(20_000);
    fail(new Error("planted"));
    const { outcome, run } = await running;
    assert.deepEqual([outcome, run.pid], [DONE, 7]);
    assert.equal(x.started[0]?.limits.wallMs, 40_000);
  });

  it("has the run's own time limit and output limit", async () => {
    const slow = setUp([named("does", does(never))]);
    const running = slow.run();
    await slow.pass(59_999);
    await slow.pass(1);
    assert.equal(failureOf((await running).outcome)[0], "TIMEOUT");
    const huge = setUp([
      named(
        "does",
        does(async () => ({ text: "x".repeat(1_001) })),
      ),
    ]);
    assert.equal(failureOf((await huge.run()).outcome)[0], "OUTPUT_LIMIT");
  });

  it("is notified when the run is stopped, and is not waited for", async () => {
    let ended = false;
    const waits = does((signal) => {
      signal.addEventListener("abort", () => {
        ended = true;
      });
      return never();
    });
    const x = setUp([named("does", waits)]);
    const running = x.start();
    const run = await running;
    const reading = (async () => {
      for await (const _event of run.events);
    })();
    await settled();
    await run.stop();
    await reading;
    assert.equal(failureOf(await run.outcome)[0], "CANCELLED");
    assert.deepEqual([ended, x.started, x.counted], [true, [], []]);
  });

  it("is not asked for turns of conversations", async () => {
    const x = setUp([
      named(
        "does",
        does(async () => ({ text: "no" })),
      ),
    ]);
    const { outcome } = await x.run({ ...REQUEST, conversation: { from: undefined, fork: false } });
    assert.equal(outcome, DONE);
  });
});

describe("events for hooks", () => {
  const many = Array.from({ length: 1_000 }, (_, i) => text(String(i)));

  it("never slow the run: events that a slow hook cannot take are dropped and counted, also at its time limit", async () => {
    const heard: string[] = [];
    const slow: Hook = {
      onEvent(_run, event) {
        heard.push(event.type === "text" ? event.text : "");
        return heard.length === 1 ? Promise.resolve() : never();
      },
    };
    const x = setUp([named("slow", slow)], { events: many });
    const run = await x.start();
    let read = 0;
    for await (const _event of run.events) read++;
    assert.equal(read, 1_000);
    await x.pass(1_000);
    assert.equal(await run.outcome, DONE);
    assert.deepEqual(heard.slice(0, 2), ["0", "1"]);
    assert.equal(x.counted.filter((line) => line === "slow on-event dropped").length, 1_000 - heard.length);
    assert.ok(x.status()[0]?.failures);
  });

  it("all reach a required hook, one at a time and in order, and the run waits for them", async () => {
    const heard: string[] = [];
    let at = 0;
    const slow: Hook = {
      async onEvent(_run, event) {
        assert.equal(++at, 1, "two at a time");
        await settled();
        at--;
        heard.push(event.type === "text" ? event.text : "");
      },
    };
    const x = setUp([named("must", slow, { required: true })], { events: many });
    assert.equal((await x.run()).outcome, DONE);
    assert.deepEqual(
      heard,
      Array.from({ length: 1_000 }, (_, i) => String(i)),
    );
  });

  it("wait in bounded memory, however large they are", async () => {
    let told = 0;
    const hook: Hook = { onEvent: () => (told++, never()) };
    const x = setUp([named("slow", hook)], { events: Array.from({ length: 100 }, () => text("x".repeat(100_000))) });
    const run = await x.start();
    for await (const _event of run.events);
    await x.pass(1_000);
    await run.outcome;
    assert.ok(told <= 2);
    assert.equal(x.counted.filter((line) => line.endsWith("dropped")).length, 100 - 1);
  });
});
