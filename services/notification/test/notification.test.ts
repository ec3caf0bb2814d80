import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPublisher, eventsKey, type Publication } from "@ccsp/events";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { TaskCancelled, TaskCompleted, TaskFailed, TaskStarted } from "@ccsp/protos/ccsp/event/v1/event.js";
import { Notice, NotificationState, Severity } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { eventually, type OtlpReceiver, startOtlpReceiver } from "@ccsp/testkit";
import { pino } from "pino";
import { type RunningNotification, startNotification } from "./start-notification.js";

const completed = { $case: "taskCompleted" as const, value: TaskCompleted.fromPartial({ engine: "e", attempt: 1 }) };
const failed = { $case: "taskFailed" as const, value: TaskFailed.fromPartial({ engine: "e", attempt: 3 }) };
const cancelled = { $case: "taskCancelled" as const, value: TaskCancelled.fromPartial({ reason: "by hand" }) };
const started = { $case: "taskStarted" as const, value: TaskStarted.fromPartial({ engine: "e", attempt: 1 }) };

describe("notification", () => {
  let server: RedisServer;
  let redis: RedisConnection;
  let dir: string;
  let file: string;
  const running: RunningNotification[] = [];
  let receiver: OtlpReceiver | undefined;
  const publish = (event: Publication) =>
    createPublisher(redis, "queue").publish({ taskId: "t1", agentId: "a1", ...event });
  const start = async (env: Record<string, string> = {}) => {
    const service = await startNotification({ CCSP_REDIS_URL: server.url, CCSP_NOTIFICATION_FILE: file, ...env });
    running.push(service);
    return service;
  };
  const lines = async (): Promise<{ id: string; taskId: string; eventType: string; channel: string }[]> =>
    (await readFile(file, "utf8"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  const written = async () => (await lines()).map(({ taskId }) => taskId);
  const names = (count: number, prefix = "t") => Array.from({ length: count }, (_, at) => `${prefix}${at}`);

  beforeEach(async () => {
    server = await startRedis({ appendOnly: true, args: ["--appendfsync", "no"] });
    redis = await openRedis(server.url, { log: pino({ level: "silent" }), name: "test" });
    dir = await mkdtemp(join(tmpdir(), "ccsp-notification-"));
    file = join(dir, "notifications.jsonl");
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((service) => service.stop()));
    await receiver?.close();
    receiver = undefined;
    await redis.close();
    await server.stop();
    await rm(dir, { recursive: true });
  });

  it("writes completed, failed and cancelled tasks to the file and lists them, newest first", async () => {
    const { client } = await start();
    const id = await publish({ taskId: "t1", data: completed });
    await publish({ taskId: "t2", data: started });
    await publish({ taskId: "t3", data: failed });
    await publish({ taskId: "t4", data: cancelled });
    await eventually(async () => assert.deepEqual(await written(), ["t1", "t3", "t4"]));
    const [first] = await lines();
    assert.deepEqual([first?.id, first?.eventType, first?.channel], [id, "task.completed", "file"]);

    const listed = await eventually(async () => {
      const { notifications, nextPageToken } = await client.listNotifications({});
      assert.equal(notifications.length, 3);
      assert.equal(nextPageToken, "");
      return notifications;
    });
    assert.deepEqual(
      listed.map(({ taskId, eventType, summary }) => [taskId, eventType, summary]),
      [
        ["t4", "task.cancelled", "Task t4 of a1 was cancelled: by hand"],
        ["t3", "task.failed", "Task t3 of a1 failed on e after 3 attempts: no reason given"],
        ["t1", "task.completed", "Task t1 of a1 completed by e, attempt 1, cost unknown"],
      ],
    );
  });

  it("lists pages without a gap or a repeat, also while more arrives, and by type", async () => {
    const { client } = await start();
    for (const [at, task] of names(25).entries())
      await publish({ taskId: task, data: at % 5 === 0 ? failed : completed });
    await eventually(async () => assert.equal((await client.listNotifications({})).notifications.length, 25));

    const pages = async (eventType: string, meanwhile: () => Promise<unknown>) => {
      const tasks: string[] = [];
      let pageToken = "";
      do {
        const page = await client.listNotifications({ pageSize: 7, pageToken, eventType });
        tasks.push(...page.notifications.map(({ taskId }) => taskId));
        pageToken = page.nextPageToken;
        await meanwhile();
      } while (pageToken !== "");
      return tasks;
    };
    const newestFirst = names(25).reverse();
    assert.deepEqual(await pages("", () => publish({ taskId: "late", data: completed })), newestFirst);
    assert.deepEqual(await pages("task.failed", async () => undefined), ["t20", "t15", "t10", "t5", "t0"]);
    assert.deepEqual(await pages("task.levitated", async () => undefined), []);
  });

  it("refuses an invalid page size or token, naming the field", async () => {
    const { client } = await start();
    const refused = (message: RegExp) => ({ reason: "INVALID_FIELD", message });
    await assert.rejects(client.listNotifications({ pageSize: 501 }), refused(/page_size/));
    await assert.rejects(client.listNotifications({ pageSize: -1 }), refused(/page_size/));
    for (const pageToken of ["+ COUNT 1", "0-0"]) {
      await assert.rejects(client.listNotifications({ pageToken }), refused(/page_token/));
    }
  });

  it("notifies of an event once, also when the whole stream is delivered again", async () => {
    const { client, metric } = await start();
    for (const task of names(3)) await publish({ taskId: task, data: completed });
    await eventually(async () => assert.deepEqual(await written(), names(3)));
    await redis.client.xgroup("SETID", eventsKey(0), "notification", "0");
    await publish({ taskId: "new", data: completed });
    await eventually(async () => assert.deepEqual(await written(), [...names(3), "new"]));
    await eventually(async () =>
      assert.equal(await metric('ccsp_notification_channel_deliveries_total{channel="file",outcome="repeat"'), 3),
    );
    assert.equal((await client.listNotifications({})).notifications.length, 4);
  });

  it("tries a failed channel again until it accepts the event", async () => {
    // The path of the file is a folder. So it cannot be opened, whichever user runs the test.
    await mkdir(file);
    const { metric } = await start();
    await publish({ taskId: "t1", data: completed });
    const failures = 'ccsp_notification_channel_deliveries_total{channel="file",outcome="failed"';
    await eventually(async () => assert.ok((await metric(failures)) > 0));
    await rmdir(file);
    await eventually(async () => assert.deepEqual(await written(), ["t1"]));
  });

  it("shares the events among replicas, delivers each once, and loses none when one is killed", async () => {
    const [one] = await Promise.all([start({ CCSP_INSTANCE: "one" }), start({ CCSP_INSTANCE: "two" })]);
    const all = names(100);
    for (const task of all) await publish({ taskId: task, data: completed });
    // On a busy machine, one replica may deliver them all before the other gets the CPU.
    await eventually(async () => {
      const shares = await Promise.all(
        running.map(({ metric }) => metric('ccsp_notification_channel_deliveries_total{channel="file",outcome="ok"')),
      );
      if (shares.every((share) => share > 0)) return;
      const task = `more${all.length}`;
      await publish({ taskId: task, data: completed });
      all.push(task);
      assert.fail(`shares: ${shares.join(", ")}`);
    });
    await eventually(async () => assert.deepEqual((await written()).sort(), all.toSorted()));
    one.process.kill("SIGKILL");
    await one.process.exited;
    // Redis has freed its connection by the answer. Before that, it may give it an event, which waits 30 s for others.
    await redis.client.ping();
    for (const task of names(10, "after")) await publish({ taskId: task, data: completed });
    await eventually(async () => assert.equal((await written()).length, all.length + 10));
  });

  it("reports only in its health that Redis cannot be reached, and continues when it is back", async () => {
    const { ops, failing } = await start();
    await server.kill9();
    await eventually(async () => assert.deepEqual(Object.keys(await failing()), ["redis"]));
    assert.equal(await ops("/ready"), 200);
    await server.restart();
    await eventually(async () => assert.deepEqual(await failing(), {}));
    await publish({ taskId: "t1", data: completed });
    await eventually(async () => assert.deepEqual(await written(), ["t1"]));
  });

  it("goes on when a plugin fails outside of its calls, names the channel, and delivers the message later", async () => {
    const plugin = join(dir, "rude.mjs");
    // What the plugin leaves behind fails while it delivers, and the message stays without an answer.
    await writeFile(
      plugin,
      `const later = (act) => setTimeout(act, 1);
      const acts = {
        "test.rejects": () => { void (async () => { await new Promise(later); throw new Error("no line"); })(); },
        "test.throws": () => { later(() => { throw new Error("no paper"); }); },
      };
      export const channelType = { type: "rude", open: async () => {
        Promise.reject(new Error("at the start"));
        return { target: "pager", deliver: ({ notice: { kind }, attempt }) => attempt === 1 && acts[kind] && new Promise(acts[kind]) };
      } };`,
    );
    const channels = join(dir, "channels.json");
    await writeFile(channels, JSON.stringify({ channels: [{ name: "pager", type: "rude" }] }));
    const env = { CCSP_NOTIFICATION_PLUGINS: plugin, CCSP_NOTIFICATION_CHANNELS: channels };
    const { client, process } = await start(env);
    const told = async (kind: string) => {
      const notice = { kind, severity: Severity.WARNING, dedupKey: kind, time: new Date() };
      return (await client.notify({ notice: Notice.fromPartial(notice) })).noticeId;
    };
    const outcome = async (id: string) => {
      const found = (await client.getNotification({ id })).deliveries.find(({ channel }) => channel === "pager");
      return [found?.state, new Set(found?.newestAttempts.map(({ cause }) => cause))];
    };
    const triedAgain = (text: string) => [
      NotificationState.DELIVERED,
      new Set([`the channel's code failed outside of its calls: ${text}`, ""]),
    ];
    const [rejects, throws] = [await told("test.rejects"), await told("test.throws")];
    await eventually(async () => assert.deepEqual(await outcome(rejects), triedAgain("no line")));
    await eventually(async () => assert.deepEqual(await outcome(throws), triedAgain("no paper")));
    const good = await told("test.good");
    await eventually(async () => assert.deepEqual(await outcome(good), [NotificationState.DELIVERED, new Set([""])]));
    const said = process
      .lastLines()
      .filter((line) => line.includes("the code of a channel failed outside of its calls"));
    assert.deepEqual(
      said.map((line) => JSON.parse(line).channel),
      ["pager", "pager", "pager"],
    );
  });

  it("delivers in a span that links to the task; on SIGTERM it exits 0 and leaves nothing open", async () => {
    receiver = await startOtlpReceiver();
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, OTEL_SERVICE_NAME: "notification" };
    const service = await start(env);
    await publish({ taskId: "t7", traceparent: `00-${traceId}-b7ad6b7169203331-01`, data: completed });
    await eventually(async () => assert.deepEqual(await written(), ["t7"]));
    assert.equal((await service.process.stop()).code, 0);
    assert.doesNotMatch(service.process.lastLines().join("\n"), /left open/);
    const spans = receiver.spans().filter(({ name }) => name === "notification deliver");
    assert.deepEqual(
      spans.map((span) => [span.links, span.parentSpanId, span.kind, span.service, span.attributes["ccsp.task.id"]]),
      [[[{ traceId, spanId: "b7ad6b7169203331" }], "", "consumer", "notification", "t7"]],
    );
  });
});
