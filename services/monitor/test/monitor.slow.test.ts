import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createPublisher, eventsKey, type Publication } from "@ccsp/events";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { TaskCompleted, TaskFailed, TaskRetried } from "@ccsp/protos/ccsp/event/v1/event.js";
import { UsageRecord, UsageRecordState } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { Dimension, ExportDetail, UsageRow } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { eventually, type OtlpReceiver, startOtlpReceiver } from "@ccsp/testkit";
import { pino } from "pino";
import { DAY_MS, HOUR_MS } from "../src/usage/domain/usage-store.js";
import { type RunningMonitor, startMonitor } from "./start-monitor.js";

const usage = { inputTokens: 10n, outputTokens: 20n, cacheReadTokens: 30n, cacheCreationTokens: 40n };
const completed = (fields: Parameters<typeof TaskCompleted.fromPartial>[0] = {}) => ({
  $case: "taskCompleted" as const,
  value: TaskCompleted.fromPartial({ engine: "e", model: "m", attempt: 1, usage, costUsd: 0.1, ...fields }),
});

describe("monitor", () => {
  let server: RedisServer;
  let redis: RedisConnection;
  const running: RunningMonitor[] = [];
  let receiver: OtlpReceiver | undefined;
  const publish = (event: Publication) =>
    createPublisher(redis, "queue").publish({ taskId: randomUUID(), agentId: "a1", ...event });
  const start = async (env: Record<string, string> = {}) => {
    const monitor = await startMonitor({ CCSP_REDIS_URL: server.url, ...env });
    running.push(monitor);
    return monitor;
  };
  const nothingPending = () =>
    eventually(async () => {
      const groups = JSON.stringify(await redis.client.xinfo("GROUPS", eventsKey(0)));
      assert.match(groups, /"monitor".*"pending",0,.*"lag",0/);
    });

  beforeEach(async () => {
    server = await startRedis({ appendOnly: true });
    redis = await openRedis(server.url, { log: pino({ level: "silent" }), name: "test" });
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((monitor) => monitor.stop()));
    await receiver?.close();
    receiver = undefined;
    await redis.close();
    await server.stop();
  });

  it("sums completed, failed and retried runs per agent and model, with exact money", async () => {
    for (let run = 0; run < 10; run += 1) await publish({ data: completed() });
    await publish({ agentId: "a2", data: completed({ model: "n", usage: { inputTokens: 10n ** 12n } }) });
    await publish({ data: { $case: "taskRetried", value: TaskRetried.fromPartial({ attempt: 1, usage }) } });
    await publish({ data: { $case: "taskFailed", value: TaskFailed.fromPartial({ attempt: 2, costUsd: 0 }) } });
    const { client } = await start();
    await nothingPending();

    const { rows } = await client.getUsage({});
    const row = (agentId: string, model: string) =>
      rows.find((each) => each.agentId === agentId && each.model === model);
    assert.deepEqual(
      rows.map(({ agentId, model }) => [agentId, model]),
      [
        ["a1", ""],
        ["a1", "m"],
        ["a2", "n"],
      ],
    );
    assert.deepEqual(row("a1", "m"), {
      ...UsageRow.create(),
      agentId: "a1",
      model: "m",
      runs: 10n,
      succeededRuns: 10n,
      failedRuns: 0n,
      usage: { inputTokens: 100n, outputTokens: 200n, cacheReadTokens: 300n, cacheCreationTokens: 400n },
      costUsd: 1,
      runsWithoutCost: 0n,
      runTime: toDuration(0),
      queueWait: toDuration(0),
    });
    const failures = row("a1", "");
    assert.deepEqual([failures?.runs, failures?.failedRuns, failures?.runsWithoutCost], [2n, 2n, 1n]);
    assert.equal(row("a2", "n")?.usage?.inputTokens, 10n ** 12n);
    assert.deepEqual(
      (await client.getUsage({ agentId: "a2" })).rows.map(({ agentId }) => agentId),
      ["a2"],
    );
  });

  it("finds a run only in the hour in which it ended", async () => {
    const day = Math.floor(Date.now() / DAY_MS) * DAY_MS - 5 * DAY_MS;
    const hour = (hours: number) => new Date(day + hours * HOUR_MS);
    await publish({ time: new Date(hour(11).getTime() - 1), data: completed() });
    const { client } = await start();
    await nothingPending();
    const runsBetween = async (startTime: Date, endTime: Date) =>
      (await client.getUsage({ startTime, endTime })).rows.length;
    assert.equal(await runsBetween(hour(10.5), hour(11)), 1);
    assert.equal(await runsBetween(hour(11), hour(12)), 0);
    assert.equal(await runsBetween(hour(-600), hour(48)), 1);
  });

  it("counts an event once, also when the whole stream is delivered again", async () => {
    for (let run = 0; run < 5; run += 1) await publish({ data: completed() });
    const { client, metric } = await start();
    await nothingPending();
    await redis.client.xgroup("SETID", eventsKey(0), "monitor", "0");
    await publish({ data: completed() });
    await nothingPending();
    assert.equal((await client.getUsage({})).rows[0]?.runs, 6n);
    assert.equal(await metric('ccsp_monitor_runs_total{outcome="repeat"'), 5);
  });

  it("counts a run whose price does not fit into a counter once and as of unknown cost", async () => {
    await publish({ data: completed({ costUsd: 1e20 }) });
    await publish({ data: completed() });
    const { client } = await start();
    await nothingPending();
    const [row] = (await client.getUsage({})).rows;
    assert.deepEqual([row?.runs, row?.runsWithoutCost, row?.costUsd], [2n, 1n, 0.1]);
  });

  it("counts a failed run once when a lease without a run reports its attempt again", async () => {
    const value = { engine: "e", attempt: 1 };
    await publish({ taskId: "t1", data: { $case: "taskRetried", value: TaskRetried.fromPartial(value) } });
    await publish({ taskId: "t1", data: { $case: "taskFailed", value: TaskFailed.fromPartial(value) } });
    const { client } = await start();
    await nothingPending();
    assert.equal((await client.getUsage({})).rows[0]?.runs, 1n);
  });

  it("shares the events among replicas, and one continues when the other is killed", async () => {
    const [one, two] = await Promise.all([start({ CCSP_INSTANCE: "one" }), start({ CCSP_INSTANCE: "two" })]);
    for (let run = 0; run < 200; run += 1) await publish({ data: completed() });
    await nothingPending();
    const shares = await Promise.all([one, two].map(({ metric }) => metric('ccsp_monitor_runs_total{outcome="ok"')));
    assert.ok(
      shares.every((share) => share > 0),
      `shares: ${shares.join(", ")}`,
    );
    one.process.kill("SIGKILL");
    await one.process.exited;
    // Redis has freed its connection by the answer. Before that, it may give it an event, which waits 30 s for others.
    await redis.client.ping();
    for (let run = 0; run < 10; run += 1) await publish({ data: completed() });
    await eventually(async () => assert.equal((await two.client.getUsage({})).rows[0]?.runs, 210n));
  });

  it("continues to count after Redis was killed, and reports the outage only in its health", async () => {
    const { client, ops, failing } = await start();
    await publish({ data: completed() });
    await nothingPending();
    await server.kill9();
    await eventually(async () => assert.deepEqual(Object.keys(await failing()), ["redis"]));
    assert.equal(await ops("/ready"), 200);
    await server.restart();
    await eventually(async () => assert.deepEqual(await failing(), {}));
    await publish({ data: completed() });
    await eventually(async () => assert.equal((await client.getUsage({})).rows[0]?.runs, 2n));
  });

  it("refuses an invalid or too long range, naming the field", async () => {
    const { client } = await start();
    const call = (startTime: string, endTime: string): Promise<unknown> =>
      client.getUsage({ startTime: new Date(startTime), endTime: new Date(endTime) });
    const refused = { reason: "INVALID_FIELD" };
    await assert.rejects(call("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"), { ...refused, message: /end_time/ });
    await assert.rejects(call("2024-01-01T00:00:00Z", "2026-03-01T00:00:00Z"), { ...refused, message: /start_time/ });
    await assert.rejects(client.getUsage({ groupBy: [Dimension.UNSPECIFIED] }), { ...refused, message: /group_by/ });
    const minute = toDuration(60_000);
    const long = { startTime: new Date("2025-06-01T00:00:00Z"), endTime: new Date("2026-06-01T00:00:00Z") };
    await assert.rejects(client.getTimeSeries({ ...long, step: minute }), { ...refused, message: /step/ });
    await assert.rejects(client.getAgentStats({ days: -1 }), { ...refused, message: /days/ });
    const lines = client.exportUsage({ step: minute })[Symbol.asyncIterator]();
    await assert.rejects(lines.next(), { ...refused, message: /step/ });
    const work = { requestId: "r", agentId: "a", engine: "e", costUsd: -1 };
    await assert.rejects(client.recordUsage(work), { ...refused, message: /cost_usd/ });
    const record = UsageRecord.fromPartial({ requestId: "r", agentId: "a", engine: "e", costUsd: 1 });
    await assert.rejects(client.recordUsage({ ...record, records: [record] }), { ...refused, message: /^records / });
    await assert.rejects(client.recordUsage({ records: [record, { ...record, costUsd: -1 }] }), {
      message: /^records\[1\]\.cost_usd/,
    });
    assert.deepEqual(await client.recordUsage(record), { counted: true, states: [] });
    assert.deepEqual(await client.recordUsage(record), { counted: false, states: [] });
    const other = { ...record, endTime: new Date(Date.now() - 3 * DAY_MS) };
    await assert.rejects(client.recordUsage(other), { reason: "REQUEST_ID_CONFLICT" });
    const { counted, states } = await client.recordUsage({ records: [record, other, { ...record, requestId: "s" }] });
    const { REPEATED, CONFLICTING, COUNTED } = UsageRecordState;
    assert.deepEqual([counted, states], [true, [REPEATED, CONFLICTING, COUNTED]]);
  });

  it("exports each attempt, and means the days of the time zone of its settings", async () => {
    const { client } = await start({ CCSP_MONITOR_TIME_ZONE: "Asia/Tokyo" });
    const record = UsageRecord.fromPartial({ agentId: "a", engine: "e", costUsd: 1 });
    const records = ["one", "two"].map((requestId) => ({ ...record, requestId }));
    await client.recordUsage({ records });
    const texts: string[] = [];
    const asked = { detail: ExportDetail.ATTEMPTS, endTime: new Date(Date.now() + HOUR_MS) };
    for await (const { lines } of client.exportUsage(asked)) texts.push(lines);
    assert.deepEqual(texts.join("").match(/outside a \w+,succeeded,,,,,,1000000,/g), [
      "outside a one,succeeded,,,,,,1000000,",
      "outside a two,succeeded,,,,,,1000000,",
    ]);
    const { timeZone, startTime } = await client.getTimeSeries({ step: toDuration(DAY_MS) });
    assert.deepEqual([timeZone, startTime?.getUTCHours()], ["Asia/Tokyo", 15]);
    assert.equal((await client.getUsage({ timeZone: "Europe/Berlin" })).timeZone, "Europe/Berlin");
  });

  it("records in a span that links to the task; on SIGTERM it exits 0 and leaves nothing open", async () => {
    receiver = await startOtlpReceiver();
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, OTEL_SERVICE_NAME: "monitor" };
    const monitor = await start(env);
    await publish({ taskId: "t7", traceparent: `00-${traceId}-b7ad6b7169203331-01`, data: completed() });
    await nothingPending();
    assert.equal((await monitor.process.stop()).code, 0);
    assert.doesNotMatch(monitor.process.lastLines().join("\n"), /left open/);
    const spans = receiver.spans().filter(({ name }) => name === "usage record");
    assert.deepEqual(
      spans.map((span) => [span.links, span.parentSpanId, span.kind, span.service, span.attributes["ccsp.task.id"]]),
      [[[{ traceId, spanId: "b7ad6b7169203331" }], "", "consumer", "monitor", "t7"]],
    );
  });
});
