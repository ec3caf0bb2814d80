import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CcspClient, TaskInput } from "@ccsp/client";
import { queueClient } from "@ccsp/e2e-kit/internal-clients.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { Priority, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually, type ReceivedSpan } from "@ccsp/testkit";
import { shortName } from "@ccsp/trace-store";

const RUN = "  task.attempt\n    engine.run claude-code\n    ▸ QueueService/Complete\n      QueueService/Complete";
const SUBMITTED = "AgentService/SubmitTask\n  ▸ QueueService/Enqueue\n    QueueService/Enqueue";
const SOON = { timeoutMs: 30_000 };

describe("the traces of tasks", function () {
  this.timeout(120_000);
  let world: World;
  let client: CcspClient;

  before(async () => {
    world = await startWorld({ engine: "scripted", env: { CCSP_QUEUE_TRACE_LABELS: "team" } });
    client = world.client("alice");
  });
  after(() => world.close());

  const file = (name: string) => join(world.dataDir, name);
  const received = (traceId: string) => world.traces.trace(traceId);
  const submit = (input: TaskInput) => client.submit({ labels: { team: "core", secret: "s" }, ...input });

  const stateOf = async (id: string) => TaskState[(await client.get(id)).state];
  const reaches = (id: string, state: string) =>
    eventually(async () => assert.equal(await stateOf(id), state), { ...SOON, what: `${id} as ${state}` });

  /** The span `task` of an ended task, once the whole trace has this form. Each line is a span, below its parent. */
  async function story(id: string, expected: string): Promise<ReceivedSpan> {
    const { traceId } = await client.get(id);
    return eventually(
      () => {
        assert.equal(drawn(received(traceId)), expected);
        const task = received(traceId).find(({ name }) => name === "task");
        return task ?? assert.fail("no span task");
      },
      { ...SOON, what: `the trace of ${id}` },
    );
  }

  const whole = (of: string, indent = "      ") => `${SUBMITTED}\n${["task", of].join("\n").replaceAll(/^/gm, indent)}`;
  const wait = (attempt: number, ...kinds: string[]) => `  queue.wait ${[attempt, ...kinds].join(" ")}`;
  const attempts = (id: string) => spansOf(id, "task.attempt");
  const spansOf = (id: string, name: string) =>
    world.traces
      .spans()
      .filter((span) => span.name.startsWith(name) && span.attributes["ccsp.task.id"] === id)
      .toSorted((a, b) => a.startMs - b.startMs);

  it("of a task that is done: waits and attempts below one span, with outcome, tokens and cost", async () => {
    const { id } = await submit({ prompt: "[[usage:10:20]] hello" });
    await reaches(id, "SUCCEEDED");
    const { attributes, error, startMs, endMs } = await story(id, whole(`${wait(1)}\n${RUN}`));
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
    const task = await client.get(id);
    assert.equal(startMs, task.createTime?.getTime());
    assert.ok(Math.abs(endMs - (task.endTime?.getTime() ?? 0)) < 10_000);
  });

  it("of a task that failed: the category and its fixed text, and nothing that the engine said", async () => {
    const { id } = await submit({ prompt: "[[fail:too-long]] hello" });
    await reaches(id, "FAILED");
    const task = await story(
      id,
      whole(`${wait(1)}\n${RUN.replaceAll("Complete", "Fail").replace(/attempt|code/g, "$&!")}`, "      ").replace(
        "      task",
        "      task!",
      ),
    );
    assert.deepEqual([task.attributes["ccsp.outcome"], task.attributes["error.type"]], ["FAILED", "CONTEXT_OVERFLOW"]);
    assert.equal(task.error, "the conversation does not fit into the context of the model");
    const { traceId: again } = await client.retry(id);
    assert.notEqual(again, task.traceId);
    await reaches(id, "FAILED");
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
    const retry = { firstBackoffMs: 100, maxBackoffMs: 100 };
    const { id } = await submit({ prompt: `[[first:5:${file("five")}]] [[crash]]`, maxAttempts: 6, retry });
    await reaches(id, "SUCCEEDED");
    const { traceId } = await client.get(id);
    const spans = await eventually(() => {
      const all = received(traceId);
      assert.ok(all.some(({ name }) => name === "task"));
      assert.equal(attempts(id).length, 6);
      return all;
    }, SOON);
    const task = spans.find(({ name }) => name === "task") ?? assert.fail();
    const waits = spansOf(id, "queue.wait");
    assert.deepEqual(
      waits.map(({ attributes }) => attributes["ccsp.attempt"]),
      [1, 2, 3, 4, 5, 6],
    );
    const parents = new Set([...waits, ...attempts(id)].map(({ parentSpanId }) => parentSpanId));
    assert.deepEqual([...parents], [task.spanId]);
    waits.slice(1).forEach((each, i) => assert.ok(each.startMs >= (waits[i]?.endMs ?? 0), "waits do not overlap"));
    const [first, second] = attempts(id);
    assert.deepEqual([first?.links, second?.links], [[], [{ traceId, spanId: first?.spanId }]]);
    assert.equal(task.attributes["ccsp.attempts"], 6);
    const names = task.events?.map(({ name }) => name) ?? [];
    assert.deepEqual(
      [names.filter((name) => name === "task.parked").length, names.filter((name) => name === "task.retry").length],
      [5, 5],
    );
  });

  it("of a task that was parked: why, and until when", async () => {
    const retry = { firstBackoffMs: 400, maxBackoffMs: 400 };
    const { id } = await submit({ prompt: `[[first:1:${file("once")}]] [[crash]]`, retry });
    await reaches(id, "SUCCEEDED");
    const failed = RUN.replaceAll("Complete", "Fail").replace(/attempt|code/g, "$&!");
    const { events } = await story(id, whole(`${wait(1)}\n${failed}\n${wait(2, "PARKED")}\n${RUN}`));
    const parked = events?.find(({ name }) => name === "task.parked")?.attributes;
    assert.deepEqual([parked?.["error.type"], parked?.["ccsp.reason"]], ["ENGINE_CRASH", "the engine process died"]);
    assert.match(String(parked?.["ccsp.until"]), /^\d{4}-.*Z$/);
  });

  it("of a task whose priority changed and that was cancelled while it waited", async () => {
    const { id } = await submit({ prompt: "hello", affinity: { executorId: "nobody" } });
    const queue = queueClient(world);
    await queue.setPriority({ taskId: id, priority: Priority.HIGH }).finally(() => queue.close());
    await client.cancel(id, "not wanted");
    const { attributes, events, error } = await story(id, `${SUBMITTED}\n      task`);
    assert.deepEqual(
      [attributes["ccsp.outcome"], events?.map(({ name }) => name), error],
      ["CANCELLED", ["task.priority", "task.cancel"], undefined],
    );
  });

  it("of a task that was cancelled while it ran", async () => {
    const { id } = await submit({ prompt: `[[gate:${file("never")}]]` });
    await reaches(id, "RUNNING");
    await client.cancel(id);
    await reaches(id, "CANCELLED");
    const failed = RUN.replaceAll("Complete", "Fail").replace("code", "code!");
    const { attributes, events } = await story(id, whole(`${wait(1)}\n${failed}`));
    assert.deepEqual([attributes["ccsp.outcome"], events?.map(({ name }) => name)], ["CANCELLED", ["task.cancel"]]);
  });

  it("of a task whose executor was killed: the queue makes its attempt, and the next one links to it", async () => {
    const gate = file("killed");
    const { id } = await submit({ prompt: `[[gate:${gate}]]` });
    await reaches(id, "RUNNING");
    await world.fleet.kill9("executor");
    await writeFile(gate, "");
    await reaches(id, "SUCCEEDED");
    await story(id, whole(`${wait(1)}\n  task.attempt!\n${wait(2)}\n${RUN}`));
    const [lost, next] = attempts(id);
    assert.deepEqual(
      [lost?.service, lost?.attributes["error.type"], lost?.attributes["ccsp.attempt"]],
      ["ccsp-queue", "EXECUTOR_LOST", 1],
    );
    assert.deepEqual(next?.links, [{ traceId: lost?.traceId, spanId: lost?.spanId }]);
  });

  it("of a task with a start time", async () => {
    const { id } = await submit({ prompt: "later", startTime: new Date(Date.now() + 5_000) });
    await reaches(id, "SUCCEEDED");
    const { events } = await story(id, whole(`${wait(1, "START_TIME")}\n${RUN}`));
    assert.deepEqual(
      events?.map(({ name }) => name),
      ["task.ready"],
    );
  });

  it("of a batch: each task in its own, with a link to the call", async () => {
    const outcomes = await client.submitMany([1, 2, 3].map((n) => ({ prompt: `hello ${n}` })));
    const ids = outcomes.map((outcome) => ("taskId" in outcome ? outcome.taskId : assert.fail("refused")));
    const traces = new Set<string>();
    for (const id of ids) {
      await reaches(id, "SUCCEEDED");
      const task = await story(
        id,
        `task\n${wait(1)}\n${RUN}`.replace(
          /^ {2}queue.wait.*$/m,
          spansOf(id, "queue.wait")
            .map(lineOf)
            .map((line) => `  ${line}`)
            .join(),
        ),
      );
      traces.add(task.traceId);
      const [call] = task.links;
      const calls = received(call?.traceId ?? "").map(({ name }) => shortName({ name }));
      assert.ok(calls.includes("AgentService/SubmitTasks"), calls.join());
    }
    assert.equal(traces.size, 3);
  });

  it("of a conversation: each turn in its own, with a link to the turn before and the id that users see", async () => {
    const first = await submit({ prompt: "one", conversation: {} });
    await reaches(first.id, "SUCCEEDED");
    const second = await submit({ prompt: "two", conversation: { id: first.id } });
    await reaches(second.id, "SUCCEEDED");
    const [one, two] = await eventually(() => {
      const tasks = [first, second].map(({ id }) => spansOf(id, "task").find(({ name }) => name === "task"));
      assert.ok(tasks[0] && tasks[1]);
      return tasks;
    }, SOON);
    assert.deepEqual(two?.links, [{ traceId: one?.traceId, spanId: one?.spanId }]);
    assert.deepEqual(
      [one, two].map((each) => each?.attributes["gen_ai.conversation.id"]),
      [first.id, first.id],
    );
    const engine = spansOf(second.id, "engine.run")[0]?.attributes;
    assert.equal(engine?.["gen_ai.conversation.id"], first.id);
  });

  it("of a long run with a thousand pieces of text: no span for a report, and the engine on the critical path", async () => {
    const words = Array.from({ length: 400 }, (_, i) => `w${i}`).join(" ");
    const { id } = await submit({ prompt: `[[tool:Bash]] [[delay:5]] ${words}` });
    await reaches(id, "SUCCEEDED");
    const run = RUN.replace("code\n", "code\n      execute_tool Bash\n");
    const task = await story(id, whole(`${wait(1)}\n${run}`));
    const [engine] = spansOf(id, "engine.run");
    const { "ccsp.report.calls": calls, "ccsp.report.bytes": bytes, ...told } = engine?.attributes ?? {};
    assert.ok(Number(calls) > 10 && Number(bytes) > words.length, JSON.stringify({ calls, bytes }));
    assert.deepEqual(
      ["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.agent.name", "ccsp.tool_calls"].map((key) => told[key]),
      ["invoke_agent", "anthropic", "claude-code", 1],
    );
    assert.ok(Number(told["gen_ai.response.time_to_first_chunk"]) > 0);
    const path = criticalPath(received(task.traceId), task);
    const onEngine = path.filter(({ name }) => name.startsWith("engine.run") || name.startsWith("execute_tool"));
    assert.ok(sum(onEngine) > sum(path) / 2, JSON.stringify(path));
  });

  it("have usage and notices in traces of their own, with a link to the task", async () => {
    const { id } = await submit({ prompt: "hello" });
    await reaches(id, "SUCCEEDED");
    const task = await story(id, whole(`${wait(1)}\n${RUN}`));
    for (const name of ["usage record", "notification deliver"]) {
      const effect = await eventually(() => spansOf(id, name)[0] ?? assert.fail(name), SOON);
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

/** The trace as lines: children in the order of their start, ▸ for a call that goes out, ! for an error. */
function drawn(spans: readonly ReceivedSpan[]): string {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const below = (parent: string | undefined, indent: string): string[] =>
    spans
      .filter((span) => (parent === undefined ? !ids.has(span.parentSpanId) : span.parentSpanId === parent))
      .toSorted((a, b) => a.startMs - b.startMs || order(a) - order(b))
      .flatMap((span) => [indent + lineOf(span), ...below(span.spanId, `${indent}  `)]);
  return below(undefined, "").join("\n");
}

/** A wait begins in the same millisecond as the attempt before it ends. */
const order = ({ name }: ReceivedSpan): number => ["queue.wait", "task.attempt"].indexOf(name);

function lineOf(span: ReceivedSpan): string {
  const { name, kind, error, attributes } = span;
  const kinds = attributes["ccsp.wait.for"];
  // A busy machine makes each task wait for its turn.
  const told = Array.isArray(kinds) ? kinds.filter((word) => word !== "TURN") : [];
  const wait = name === "queue.wait" ? [" ", [attributes["ccsp.attempt"], ...told].join(" ")].join("") : "";
  return `${kind === "client" ? "▸ " : ""}${shortName({ name })}${wait}${error === undefined ? "" : "!"}`;
}

interface Piece {
  readonly name: string;
  readonly ms: number;
}

const sum = (pieces: readonly Piece[]): number => pieces.reduce((all, { ms }) => all + ms, 0);

/** As Jaeger's page computes it: from the end of a span backwards, through the child that ended last each time. */
function criticalPath(spans: readonly ReceivedSpan[], root: ReceivedSpan): Piece[] {
  const pieces: Piece[] = [];
  const walk = (span: ReceivedSpan, endMs: number): void => {
    let at = endMs;
    const children = spans
      .filter(({ parentSpanId }) => parentSpanId === span.spanId)
      .toSorted((a, b) => b.endMs - a.endMs);
    for (const child of children) {
      const end = Math.min(child.endMs, at);
      if (child.startMs >= end) continue;
      pieces.push({ name: span.name, ms: at - end });
      walk(child, end);
      at = Math.max(child.startMs, span.startMs);
    }
    pieces.push({ name: span.name, ms: at - span.startMs });
  };
  walk(root, root.endMs);
  return pieces;
}
