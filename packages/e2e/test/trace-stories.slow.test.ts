import assert from "node:assert/strict";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { eventually, type ReceivedSpan } from "@ccsp/testkit";
import { shortName } from "@ccsp/trace-store";
import { criticalPath, drawn, shareOfEngine } from "../src/trace-form.js";
import { STORIES, type Story, type Teller } from "../src/trace-stories.js";

const SOON = { timeoutMs: 30_000 };

describe("the traces of tasks", function () {
  this.timeout(120_000);
  let world: World;
  let teller: Teller;

  before(async () => {
    world = await startWorld({ engine: "scripted", env: { CCSP_QUEUE_TRACE_LABELS: "team" } });
    teller = { world, client: world.client("alice"), longRunWords: 1_000 };
  });
  after(() => world.close());

  const received = (traceId: string) => world.traces.trace(traceId);

  /** The span `task` of a story, once its whole trace has the form that the story says. */
  const taskOf = ({ id, traceId, form }: Story): Promise<ReceivedSpan> =>
    eventually(
      () => {
        assert.equal(drawn(received(traceId)), form);
        return received(traceId).find(({ name }) => name === "task") ?? assert.fail("no span task");
      },
      { ...SOON, what: `the trace of ${id}` },
    );

  const spansOf = (id: string, name: string) =>
    world.traces
      .spans()
      .filter((span) => span.name.startsWith(name) && span.attributes["ccsp.task.id"] === id)
      .toSorted((a, b) => a.startMs - b.startMs);

  it("of a task that is done: waits and attempts below one span, with outcome, tokens and cost", async () => {
    const [story] = await STORIES.done(teller);
    const { id } = story;
    const { attributes, error, startMs, endMs } = await taskOf(story);
    const { "ccsp.cost_usd": cost, "gen_ai.usage.input_tokens": input, ...told } = attributes;
    assert.deepEqual(told, {
      ...{ "ccsp.task.id": id, "ccsp.agent.id": "alice", "ccsp.engine": "claude-code", "ccsp.priority": "normal" },
      ...{ "ccsp.label.team": "core", "ccsp.attempts": 1, "ccsp.outcome": "SUCCEEDED" },
      ...{
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": told["gen_ai.usage.cache_read.input_tokens"],
      },
      "gen_ai.usage.cache_write.input_tokens": told["gen_ai.usage.cache_write.input_tokens"],
    });
    assert.ok(Number(cost) > 0 && Number(input) >= 10);
    assert.equal(error, undefined);
    const task = await teller.client.get(id);
    assert.equal(startMs, task.createTime?.getTime());
    assert.ok(Math.abs(endMs - (task.endTime?.getTime() ?? 0)) < 10_000);
  });

  it("of a task that failed: the category and its fixed text, and nothing that the engine said", async () => {
    const [story] = await STORIES.failed(teller);
    const task = await taskOf(story);
    assert.deepEqual([task.attributes["ccsp.outcome"], task.attributes["error.type"]], ["FAILED", "CONTEXT_OVERFLOW"]);
    assert.equal(task.error, "the conversation does not fit into the context of the model");
    const { traceId: again } = await teller.client.retry(story.id);
    assert.notEqual(again, task.traceId);
    const second = await eventually(() => {
      const found = received(again).find(({ name }) => name === "task");
      return found ?? assert.fail("no task");
    }, SOON);
    assert.ok(
      second.links.some(({ spanId }) => spanId === task.spanId),
      "it links to the span before",
    );
    assert.ok(second.startMs >= task.endMs);
  });

  it("of a task that was retried five times: each wait from the moment when it came back", async () => {
    const [story] = await STORIES["retried five times"](teller);
    const task = await taskOf(story);
    const [waits, attempts] = [spansOf(story.id, "queue.wait"), spansOf(story.id, "task.attempt")];
    const parents = new Set([...waits, ...attempts].map(({ parentSpanId }) => parentSpanId));
    assert.deepEqual([...parents], [task.spanId]);
    waits.slice(1).forEach((each, i) => assert.ok(each.startMs >= (waits[i]?.endMs ?? 0), "waits do not overlap"));
    const [first, second] = attempts;
    assert.deepEqual([first?.links, second?.links], [[], [{ traceId: story.traceId, spanId: first?.spanId }]]);
    assert.equal(task.attributes["ccsp.attempts"], 6);
    const names = task.events?.map(({ name }) => name) ?? [];
    assert.deepEqual(
      [names.filter((name) => name === "task.parked").length, names.filter((name) => name === "task.retry").length],
      [5, 5],
    );
  });

  it("of a task that was parked: why, and until when", async () => {
    const [story] = await STORIES.parked(teller);
    const { events } = await taskOf(story);
    const parked = events?.find(({ name }) => name === "task.parked")?.attributes;
    assert.deepEqual([parked?.["error.type"], parked?.["ccsp.reason"]], ["ENGINE_CRASH", "the engine process died"]);
    assert.match(String(parked?.["ccsp.until"]), /^\d{4}-.*Z$/);
  });

  it("of a task whose priority changed and that was cancelled while it waited", async () => {
    const [story] = await STORIES["cancelled waiting"](teller);
    const { attributes, events, error } = await taskOf(story);
    assert.deepEqual(
      [attributes["ccsp.outcome"], events?.map(({ name }) => name), error],
      ["CANCELLED", ["task.priority", "task.cancel"], undefined],
    );
  });

  it("of a task that was cancelled while it ran", async () => {
    const [story] = await STORIES["cancelled running"](teller);
    const { attributes, events } = await taskOf(story);
    assert.deepEqual([attributes["ccsp.outcome"], events?.map(({ name }) => name)], ["CANCELLED", ["task.cancel"]]);
  });

  it("of a task whose executor was killed: the queue makes its attempt, and the next one links to it", async () => {
    const [story] = await STORIES["executor killed"](teller);
    await taskOf(story);
    const [lost, next] = spansOf(story.id, "task.attempt");
    assert.deepEqual(
      [lost?.service, lost?.attributes["error.type"], lost?.attributes["ccsp.attempt"]],
      ["ccsp-queue", "EXECUTOR_LOST", 1],
    );
    assert.deepEqual(next?.links, [{ traceId: lost?.traceId, spanId: lost?.spanId }]);
  });

  it("of a task with a start time", async () => {
    const [story] = await STORIES.scheduled(teller);
    const { events } = await taskOf(story);
    assert.deepEqual(
      events?.map(({ name }) => name),
      ["task.ready"],
    );
  });

  it("of a batch: each task in its own, with a link to the call", async () => {
    const traces = new Set<string>();
    for (const story of await STORIES.batch(teller)) {
      const task = await taskOf(story);
      traces.add(task.traceId);
      const [call] = task.links;
      const calls = received(call?.traceId ?? "").map(({ name }) => shortName({ name }));
      assert.ok(calls.includes("AgentService/SubmitTasks"), calls.join());
    }
    assert.equal(traces.size, 3);
  });

  it("of a conversation: each turn in its own, with a link to the turn before and the id that users see", async () => {
    const [first, second] = await STORIES.conversation(teller);
    const [one, two] = [await taskOf(first), await taskOf(second)];
    assert.deepEqual(two.links, [{ traceId: one.traceId, spanId: one.spanId }]);
    assert.deepEqual(
      [one, two].map(({ attributes }) => attributes["gen_ai.conversation.id"]),
      [first.id, first.id],
    );
    const engine = spansOf(second.id, "engine.run")[0]?.attributes;
    assert.equal(engine?.["gen_ai.conversation.id"], first.id);
  });

  it("of a long run with a thousand pieces of text: no span for a report, and the engine on the critical path", async () => {
    const [story] = await STORIES["a long run"](teller);
    const task = await taskOf(story);
    const [engine] = spansOf(story.id, "engine.run");
    const { "ccsp.report.calls": calls, "ccsp.report.bytes": bytes, ...told } = engine?.attributes ?? {};
    assert.ok(Number(calls) > 10 && Number(bytes) > 4 * teller.longRunWords, JSON.stringify({ calls, bytes }));
    assert.deepEqual(
      ["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.agent.name", "ccsp.tool_calls"].map((key) => told[key]),
      ["invoke_agent", "anthropic", "claude-code", 1],
    );
    assert.ok(Number(told["gen_ai.response.time_to_first_chunk"]) > 0);
    const path = criticalPath(received(task.traceId), task);
    assert.ok(shareOfEngine(path) > 0.5, JSON.stringify(path));
  });

  it("have usage and notices in traces of their own, with a link to the task", async () => {
    const [story] = await STORIES.done(teller);
    const task = await taskOf(story);
    for (const name of ["usage record", "notification deliver"]) {
      const effect = await eventually(() => spansOf(story.id, name)[0] ?? assert.fail(name), SOON);
      assert.deepEqual([effect.parentSpanId, effect.links], ["", [{ traceId: task.traceId, spanId: task.spanId }]]);
      assert.equal(effect.attributes["ccsp.event.type"], "task.completed");
    }
  });

  it("are all that the fleet sends: no poll, no hold, no read has a span", () => {
    const roots = new Set(
      world.traces
        .spans()
        .filter(({ parentSpanId }) => parentSpanId === "")
        .map(({ name }) => shortName({ name })),
    );
    assert.deepEqual([...roots].sort(), [
      ...["AgentService/CancelTask", "AgentService/RetryTask", "AgentService/SubmitTask", "AgentService/SubmitTasks"],
      ...["QueueService/SetPriority", "notification deliver", "task", "usage record"],
    ]);
  });
});
