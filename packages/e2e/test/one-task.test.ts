import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { monitorClient, notificationClient } from "@ccsp/e2e-kit/internal-clients.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { Budget, BudgetPeriod, BudgetUnit } from "@ccsp/protos/ccsp/usage/v1/budgets.js";
import { eventually, type ReceivedSpan } from "@ccsp/testkit";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const AGENT_SPAN_ID = "b7ad6b7169203331";
const CANARY = "canary-7d1f";

describe("one task through the whole fleet, with the real Claude Code CLI", function () {
  this.timeout(90_000);
  let world: World;
  let run: Awaited<ReturnType<typeof collect>>;

  before(async () => {
    world = await startWorld();
    const client = world.client("alice");
    run = await collect(
      client.run(
        { prompt: `Please repeat ${CANARY}`, conversation: {} },
        { traceparent: `00-${TRACE_ID}-${AGENT_SPAN_ID}-01` },
      ),
    );
  });
  after(() => world.close());

  it("streams the answer as text and ends with the same answer as result", () => {
    assert.equal(run.ended.state, "SUCCEEDED");
    assert.ok(run.text.includes(CANARY), run.text);
    assert.equal(run.ended.result?.text, run.text);
  });

  it("returns usage, cost, conversation, version, model, executor and queue wait", () => {
    const result = run.ended.result;
    assert.ok(result);
    assert.ok((result.usage?.inputTokens ?? 0) > 0);
    assert.ok((result.usage?.outputTokens ?? 0) > 0);
    assert.ok((result.costUsd ?? 0) > 0);
    assert.equal(result.conversationId, run.taskId);
    assert.match(result.engineVersion, /^\d+\.\d+\.\d+/);
    assert.ok(result.model.length > 0);
    assert.ok(result.executorId.length > 0);
    assert.ok((result.queueWaitMs ?? -1) >= 0);
  });

  it("makes one trace whose calls between services follow the path of the task", async () => {
    // Each process exports its own spans, so they come in any order.
    await eventually(() => checkTrace(world.traces.trace(TRACE_ID)), { timeoutMs: 15_000, what: "the trace" });
  });

  function checkTrace(spans: readonly ReceivedSpan[]): void {
    // Each line is a span with the services of its ancestors, up to the agent's own span.
    assert.deepEqual(ancestry(spans, "queue.wait"), [
      "ccsp-queue",
      "ccsp-queue",
      "ccsp-queue",
      "ccsp-gateway",
      "ccsp-gateway",
      "agent",
    ]);
    assert.deepEqual(ancestry(spans, "task.attempt").slice(0, 2), ["ccsp-executor", "ccsp-queue"]);
    assert.equal(parent(spans, named(spans, "task.attempt"))?.name, "task");
    const engine = spans.find((span) => span.name.startsWith("engine.run"));
    assert.ok(engine);
    assert.equal(parent(spans, engine)?.name, "task.attempt");
  }

  it("counts the usage once, under the agent and the model", async () => {
    const monitor = monitorClient(world);
    const row = await eventually(async () => {
      const { rows } = await monitor.getUsage({ agentId: "alice" });
      assert.equal(rows.length, 1);
      return rows[0];
    });
    monitor.close();
    assert.equal(row?.runs, 1n);
    assert.equal(Number(row?.usage?.outputTokens), run.ended.result?.usage?.outputTokens);
    assert.equal(row?.model, run.ended.result?.model);
  });

  it("tells the agent what it used, expects and may use, and the trace of its task", async () => {
    const monitor = monitorClient(world);
    const holder = { holder: { $case: "agentId", value: "alice" } } as const;
    const bound = { limit: 100, unit: BudgetUnit.REQUESTS, period: BudgetPeriod.MONTH };
    await monitor.putBudget({ budget: Budget.fromPartial({ name: "mine", holder, ...bound }), who: "ada" });
    monitor.close();
    const client = world.client("alice");
    const { rows, startTime, endTime } = await eventually(async () => {
      const report = await client.usage({ groupBy: ["model", "priority"] });
      assert.equal(report.rows.length, 1);
      return report;
    });
    const result = run.ended.result;
    const { model, priority, runs, outputTokens, costUsd, runTimeMs } = rows[0] ?? assert.fail("no row");
    assert.deepEqual([model, priority, runs], [result?.model, "normal", 1]);
    assert.equal(outputTokens, result?.usage?.outputTokens);
    assert.equal(costUsd.toFixed(6), result?.costUsd?.toFixed(6));
    assert.ok(runTimeMs > 0);
    assert.ok(endTime.getTime() - startTime.getTime() >= 24 * 3_600_000);
    const forecast = await client.forecast({ metric: "cost", horizonMs: 1_800_000 });
    assert.deepEqual([forecast.state, forecast.metric, forecast.horizonMs], ["too-little-data", "cost", 1_800_000]);
    await eventually(async () => {
      const [budget, ...more] = await client.budgets();
      const { name, unit, limit, period, used, share, actionInForce } = budget ?? assert.fail("no budget");
      assert.deepEqual([name, unit, limit, period, used, share], ["mine", "requests", 100, "month", 1, 0.01]);
      assert.deepEqual([actionInForce, more], [undefined, []]);
    });
    // This gateway knows no tracing system.
    assert.deepEqual(await client.trace(run.taskId), { traceId: TRACE_ID, readable: false, spans: [], leftOut: 0 });
  });

  it("writes the notification to the file channel and lists it", async () => {
    const notification = notificationClient(world);
    const listed = await eventually(async () => {
      const { notifications } = await notification.listNotifications({ eventType: "task.completed" });
      assert.equal(notifications.length, 1);
      return notifications[0];
    });
    notification.close();
    assert.equal(listed?.taskId, run.taskId);
    const lines = (await readFile(join(world.dataDir, "notifications.jsonl"), "utf8")).trim().split("\n");
    assert.ok(lines.some((line) => line.includes(run.taskId)));
  });

  it("keeps the prompt and the answer out of logs, spans and notifications", async () => {
    const spans = JSON.stringify(world.traces.spans(), (_key, value) =>
      typeof value === "bigint" ? String(value) : value,
    );
    assert.ok(!spans.includes(CANARY), "a span holds the prompt");
    assert.deepEqual(
      world.lines.filter((line) => line.includes(CANARY)),
      [],
    );
    assert.ok(!(await readFile(join(world.dataDir, "notifications.jsonl"), "utf8")).includes(CANARY));
  });
});

function named(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const span = spans.find((candidate) => candidate.name === name);
  assert.ok(span, `no span named ${name}; there are ${spans.map((s) => `${s.service}:${s.name}`).join(", ")}`);
  return span;
}

const parent = (spans: readonly ReceivedSpan[], span: ReceivedSpan) =>
  spans.find((candidate) => candidate.spanId === span.parentSpanId);

/** Returns the services from the named span up to the root. "agent" stands for the span id that the agent sent. */
function ancestry(spans: readonly ReceivedSpan[], name: string): string[] {
  const services: string[] = [];
  let span: ReceivedSpan | undefined = named(spans, name);
  while (span) {
    services.push(span.service);
    if (span.parentSpanId === AGENT_SPAN_ID) return [...services, "agent"];
    const next = parent(spans, span);
    assert.ok(next, `${span.service}:${span.name} has a parent that was not exported`);
    span = next;
  }
  return services;
}
