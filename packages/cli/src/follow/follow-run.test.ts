import assert from "node:assert/strict";
import { Readable, Writable } from "node:stream";
import { PermissionError, type RunEvent, type RunUsage } from "@ccsp/client";
import type { MessageClient } from "@ccsp/client/messages";
import { toTask, toTaskResult } from "@ccsp/client/plain";
import { ExplainTaskResponse } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { BlockerKind } from "@ccsp/protos/ccsp/task/v1/explanation.js";
import { Task, TaskResult, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { textWidth } from "../output/text-width.js";
import type { Io } from "../process/io.js";
import type { Clock } from "./clock.js";
import type { EventWithJson } from "./event-with-json.js";
import { type FollowOptions, followRun } from "./follow-run.js";

const EMPTY_LINE = "\r\u001b[2K";

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A clock that moves only when the test says so. */
function createClock() {
  let nowMs = 0;
  let timers: { atMs: number; act: () => void }[] = [];
  const clock: Clock = {
    now: () => nowMs,
    after(ms, act) {
      const timer = { atMs: nowMs + ms, act };
      timers.push(timer);
      return () => {
        timers = timers.filter((each) => each !== timer);
      };
    },
  };
  return {
    clock,
    planned: () => timers.length,
    async pass(ms: number): Promise<void> {
      const end = nowMs + ms;
      for (;;) {
        const next = timers.filter(({ atMs }) => atMs <= end).toSorted((a, b) => a.atMs - b.atMs)[0];
        if (!next) break;
        timers = timers.filter((each) => each !== next);
        nowMs = next.atMs;
        next.act();
        await settled();
      }
      nowMs = end;
    },
  };
}

/** A terminal that understands what the command sends. Without columns, both outputs are pipes. */
function createScreen(columns: number | undefined, env: Record<string, string> = {}) {
  const listeners = new Set<() => void>();
  const lines = [""];
  let written = "";
  const show = (text: string) => {
    written += text;
    for (const part of text.replaceAll(EMPTY_LINE, "\r").split(/(\r|\n)/)) {
      if (part === "\n") lines.push("");
      else if (part === "\r") lines[lines.length - 1] = "";
      else lines[lines.length - 1] += part;
    }
    if (columns) assert.ok(textWidth(lines.at(-1) ?? "") < columns, lines.at(-1));
  };
  const sink = () =>
    Object.assign(
      new Writable({
        decodeStrings: false,
        write(chunk: string, _encoding, done) {
          show(chunk);
          done();
        },
      }),
      columns === undefined ? {} : { isTTY: true, columns },
    );
  const io: Io = {
    env,
    stdin: Readable.from([]),
    stdout: sink(),
    stderr: sink(),
    onInterrupt(listener) {
      const call = () => listener("SIGINT");
      listeners.add(call);
      return () => listeners.delete(call);
    },
    onOutputFault: () => () => {},
  };
  return {
    io,
    written: () => written,
    /** The last line that has text. */
    last: () => lines.filter((line) => line !== "").at(-1) ?? "",
    all: () => lines.join("\n"),
    interrupt: () => {
      for (const listener of listeners) listener();
    },
  };
}

const withJson = (event: RunEvent): EventWithJson => ({ event, json: async () => event });

interface Given extends Partial<FollowOptions> {
  readonly columns?: number | undefined;
  readonly env?: Record<string, string>;
}

function setUp({ columns, env, ...given }: Given = {}) {
  const time = createClock();
  const screen = createScreen(columns, env);
  const asked: number[] = [];
  const world = { explain: (): ExplainTaskResponse => QUEUED };
  const client = {
    explain: async () => {
      asked.push(time.clock.now());
      return world.explain();
    },
  } as unknown as MessageClient;
  const events: RunEvent[] = [];
  let news = Promise.withResolvers<void>();
  let over = false;
  async function* stream(signal: AbortSignal): AsyncGenerator<EventWithJson, void> {
    const left = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    left.catch(() => {});
    for (;;) {
      for (let event = events.shift(); event; event = events.shift()) yield withJson(event);
      if (over) return;
      await Promise.race([news.promise, left]);
      news = Promise.withResolvers();
    }
  }
  const code = followRun(screen.io, {
    client,
    events: stream,
    json: false,
    quiet: false,
    cancelOnInterrupt: false,
    clock: time.clock,
    ...given,
  });
  return {
    ...time,
    ...screen,
    asked,
    world,
    async tell(...told: readonly RunEvent[]): Promise<void> {
      events.push(...told);
      news.resolve();
      await settled();
    },
    async end(): Promise<number> {
      over = true;
      news.resolve();
      return code;
    },
    code,
  };
}

const QUEUED = ExplainTaskResponse.fromPartial({
  state: TaskState.QUEUED,
  aheadInClass: 2n,
  blockers: [{ kind: BlockerKind.GATE, message: "everything is paused, by ada: 発売の前です" }],
  estimate: { p50: toDuration(125_000), p90: toDuration(0), p95: toDuration(0) },
});
const FULL = ExplainTaskResponse.fromPartial({
  ...QUEUED,
  blockers: [{ kind: BlockerKind.NO_SLOT, message: "all 2 slots for claude-code are taken" }],
});
const task = Task.fromPartial({ id: "0-1", state: TaskState.QUEUED, spec: { engine: "claude-code" } });
const accepted: RunEvent = { type: "accepted", task: toTask(task) };
const started: RunEvent = { type: "started", sequence: 2, attempt: 1 };
const text = (words: string, message = 1): RunEvent => ({
  type: "text",
  sequence: 3,
  attempt: 1,
  message,
  text: words,
});
const tool: RunEvent = { type: "tool", sequence: 4, attempt: 1, name: "Bash" };
const used = (turns: number, costUsd?: number): RunUsage => ({
  type: "usage",
  sequence: 5,
  attempt: 1,
  turns,
  toolUses: 1,
  usage: { inputTokens: 10, outputTokens: 2, cacheReadTokens: 0, cacheCreationTokens: 0 },
  costUsd,
  model: "claude-opus-5",
});
const ended: RunEvent = {
  type: "ended",
  sequence: 9,
  state: "SUCCEEDED",
  result: toTaskResult(TaskResult.fromPartial({ text: "PONG" })),
  error: undefined,
};

const WAITING = "waiting: 3rd in normal; everything is paused, by ada: 発売の前です; starts in about 2 min";

describe("a task that waits, on a terminal", () => {
  it("says after one second why and until when, and asks again less and less often", async () => {
    const x = setUp({ columns: 200 });
    await x.tell(accepted);
    await x.pass(999);
    assert.equal(x.last(), "task 0-1");
    await x.pass(1);
    assert.equal(x.last(), WAITING);
    x.world.explain = () => FULL;
    await x.pass(18_000);
    assert.match(x.last(), /^waiting: 3rd in normal; all 2 slots for claude-code are taken; starts/);
    assert.deepEqual(x.asked, [1_000, 2_000, 4_000, 8_000, 13_000, 18_000]);
    assert.equal(x.all().split("waiting:").length, 2, "one line, written in place");
    await x.tell(started);
    assert.equal(x.last(), "task 0-1", "the line is gone when the run begins");
  });

  it("fits the line to the terminal, with wide characters and without colours", async () => {
    for (const [columns, expected] of [
      [40, /^waiting: .*…$/],
      [80, /^waiting: everything is paused, by ada: 発売の前です; starts in about 2 min$/],
      [200, /^waiting: 3rd in normal; everything/],
    ] as const) {
      const x = setUp({ columns, env: { NO_COLOR: "1" } });
      await x.tell(accepted);
      await x.pass(1_000);
      assert.match(x.last(), expected);
      assert.ok(textWidth(x.last()) < columns, x.last());
      assert.ok(!x.written().replaceAll(EMPTY_LINE, "").includes("\u001b"), "no other sequence");
    }
  });

  it("says it again when the task is put back, and nothing more once it may not ask", async () => {
    const x = setUp({ columns: 80 });
    x.world.explain = () => {
      throw new PermissionError("SCOPE_MISSING", "no");
    };
    await x.tell(accepted);
    await x.pass(60_000);
    assert.deepEqual(x.asked, [1_000]);
    x.world.explain = () => QUEUED;
    await x.tell(started, { type: "waiting", sequence: 3, reason: "OVERLOADED", until: undefined, error: undefined });
    await x.pass(1_000);
    assert.match(x.last(), /^waiting: /);
  });

  it("leaves no line behind on Ctrl-C, nor when the stream breaks or ends", async () => {
    const x = setUp({ columns: 80 });
    await x.tell(accepted);
    await x.pass(1_000);
    x.interrupt();
    assert.equal(await x.code, 130);
    assert.equal(x.all(), "task 0-1\n\nthe task continues; watch it with: ccsp watch 0-1 --after 0\n");
    assert.equal(x.planned(), 0);
    const broken = setUp({
      columns: 80,
      events: async function* () {
        yield withJson(accepted);
        await broken.pass(1_000);
        assert.match(broken.last(), /^waiting: /);
        throw new Error("planted");
      },
    });
    await assert.rejects(broken.code, /planted/);
    const short = setUp({ columns: 80 });
    await short.tell(accepted);
    await short.pass(1_000);
    assert.equal(await short.end(), 1, "a stream that ends before the task");
    for (const { all, planned } of [broken, short]) assert.deepEqual([all(), planned()], ["task 0-1\n", 0]);
  });
});

describe("a task that waits, with its messages in a pipe", () => {
  it("says why once, and again only when the cause changes", async () => {
    const x = setUp();
    await x.tell(accepted);
    await x.pass(30_000);
    assert.equal(x.written(), `task 0-1\n${WAITING}\n`);
    x.world.explain = () => FULL;
    await x.pass(30_000);
    assert.match(x.written().slice(`task 0-1\n${WAITING}\n`.length), /^waiting: 3rd .* slots .*\n$/);
  });

  it("says nothing about how far a run is", async () => {
    const x = setUp();
    await x.tell(accepted, started, tool, used(1));
    await x.pass(60_000);
    assert.equal(x.written(), "task 0-1\ntool Bash\n");
  });

  it("says nothing with --json and --quiet, which prints only the answer", async () => {
    const json = setUp({ columns: 80, json: true });
    const quiet = setUp({ columns: 80, quiet: true });
    for (const x of [json, quiet]) {
      await x.tell(accepted);
      await x.pass(5_000);
      await x.tell(started, text("Let me look."), tool, text("PONG", 2), used(1));
      await x.pass(5_000);
      await x.tell(ended);
      assert.equal(await x.end(), 0);
      assert.deepEqual(x.asked, []);
    }
    assert.equal(quiet.written(), "PONG\n");
    assert.equal(json.written().trimEnd().split("\n").length, 7);
    const failed = setUp({ quiet: true });
    await failed.tell(accepted, { type: "ended", sequence: 2, state: "EXPIRED", result: undefined, error: undefined });
    assert.equal(await failed.end(), 1);
    assert.equal(failed.written(), "the task ended EXPIRED\n");
  });
});

describe("a run, on a terminal", () => {
  it("says how far it is while nothing else is printed, and makes way for the answer", async () => {
    const x = setUp({ columns: 100 });
    await x.tell(accepted, started);
    await x.pass(3_000);
    assert.equal(x.last(), "claude-code · 3 s");
    await x.tell(tool, used(1));
    assert.equal(x.last(), "tool Bash");
    await x.pass(69_000);
    assert.equal(x.last(), "claude-code (claude-opus-5) · turn 1 · 1 tool · 12 tokens so far · 1 min 12 s");
    await x.tell(used(2, 0.0123));
    await x.pass(1_000);
    assert.equal(x.last(), "claude-code (claude-opus-5) · turn 2 · 1 tool · $0.0123 so far · 1 min 13 s");
    await x.tell(text("PO"));
    assert.equal(x.last(), "PO");
    await x.pass(10_000);
    assert.equal(x.last(), "PO", "no line on a line with unfinished text");
    await x.tell(text("NG\n"));
    await x.pass(1_000);
    assert.match(x.last(), /^claude-code .* 1 min 24 s$/);
    await x.tell({ ...ended, result: toTaskResult(TaskResult.fromPartial({ text: "PONG\n" })) });
    assert.equal(await x.end(), 0);
    assert.match(x.all(), /^task 0-1\ntool Bash\nPONG\n\ntokens {6}unknown\n/);
    assert.doesNotMatch(x.all(), /so far/);
    assert.equal(x.planned(), 0);
  });

  it("counts from the start of the engine when a watch begins later", async () => {
    const startTime = new Date(-60_000);
    const known = toTask(Task.fromPartial({ ...task, state: TaskState.RUNNING, attempt: 1, startTime }));
    const x = setUp({ columns: 100, known: { task: known, after: 0 } });
    await x.tell(started);
    await x.pass(2_000);
    assert.equal(x.last(), "claude-code · 1 min 2 s");
  });
});
