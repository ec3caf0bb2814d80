import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { CallError, createClient, implementSome, serveGrpc } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { Schedule } from "@ccsp/protos/ccsp/task/v1/schedule.js";
import { RunLimits, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually, type LeakCheck, leakCheck } from "@ccsp/testkit";
import { Registry } from "prom-client";
import { createSubmissions } from "../src/application/submissions.js";
import { asAgent } from "../src/domain/task/caller.js";
import { channels, scheduleKeys } from "../src/redis/keys.js";
import { scheduleHandlers } from "../src/schedules/handlers.js";
import { createMakeTask } from "../src/schedules/make-task.js";
import { openSchedules } from "../src/schedules/open-schedules.js";
import { createScheduleStore } from "../src/schedules/schedule-store.js";
import { createTaskIds } from "../src/task-id.js";
import { spec } from "./grpc-world.js";
import { ENGINES, log, startWorld, type World } from "./world.js";

const AT_8 = Date.parse("2026-01-01T08:00:00Z");
const HOUR_MS = 3_600_000;

describe("schedules", () => {
  let world: World;
  let leaks: LeakCheck;
  const closing: (() => Promise<void>)[] = [];
  before(async () => {
    leaks = leakCheck();
    world = await startWorld({ cluster: true });
  });
  beforeEach(async () => {
    await world.reset();
    world.clock.now = AT_8;
  });
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });
  after(async () => {
    await world.close();
    await leaks.check();
  });

  /** One replica: its loop, and its RPCs behind a real server. */
  const replica = async () => {
    const limits = { maxPromptBytes: 1024 * 1024, engines: ENGINES };
    const { enqueue } = createSubmissions({ queue: world.queue, limits, newId: createTaskIds(1) });
    const registry = new Registry();
    const { schedules, close } = openSchedules({
      redis: world.redis.client,
      wakes: world.wakes,
      enqueue,
      registry,
      log,
      clock: () => world.clock.now,
    });
    closing.push(close);
    const server = await serveGrpc({
      listen: { host: "127.0.0.1", port: 0 },
      log,
      lameDuckMs: 0,
      drainMs: 500,
      services: [implementSome(QueueServiceService, scheduleHandlers(schedules, limits))],
    });
    closing.push(async () => server.close());
    const client = createClient(QueueServiceService, `127.0.0.1:${server.port}`);
    closing.push(async () => client.close());
    const counted = async () => {
      const { values } = await registry.getSingleMetric("ccsp_queue_schedule_runs_total")!.get();
      return values.reduce((sum, { value }) => sum + value, 0);
    };
    return { client, counted, stop: close };
  };

  const schedule = (more: Partial<Schedule> = {}): Schedule => ({
    ...Schedule.fromPartial({ agentId: "alice", name: "report", cron: "0 * * * *" }),
    spec: spec(),
    ...more,
  });

  const moveTo = async (time: string) => {
    world.clock.now = Date.parse(`2026-01-01T${time}Z`);
    // The loops wait for the real clock. This wake-up makes them check the test's clock.
    await world.redis.client.publish(channels.work, "schedules");
  };

  const times = async (): Promise<number> => (await world.store.listIds("alice", undefined, 500)).length;

  it("are stored, listed by name with the result of their last run, and deleted", async () => {
    const { client } = await replica();
    const put = await client.putSchedule({ schedule: schedule({ timeZone: "Asia/Tokyo", missedRuns: 2 }) });
    await client.putSchedule({ schedule: schedule({ name: "a-first", paused: true }) });
    assert.equal(put.schedule?.nextRunTimes.length, 5);
    await moveTo("09:00:00");
    const { schedules } = await eventually(async () => {
      const listed = await client.listSchedules({ agentId: "alice" });
      assert.notEqual(listed.schedules[1]?.lastTaskId, "");
      return listed;
    });
    const [first, report] = schedules;
    assert.equal(first?.name, "a-first");
    assert.deepEqual([first?.paused, first?.nextRunTimes, first?.timeZone, first?.missedRuns], [true, [], "UTC", 1]);
    assert.equal(report?.lastRunTime?.toISOString(), "2026-01-01T09:00:00.000Z");
    assert.equal(report?.nextRunTimes[0]?.toISOString(), "2026-01-01T10:00:00.000Z");
    assert.equal(report?.spec?.prompt, "say hello");
    assert.equal((await world.queue.get(report?.lastTaskId ?? "", asAgent("alice"))).task.state, "QUEUED");

    await client.deleteSchedule({ agentId: "alice", name: "report" });
    await assert.rejects(
      client.deleteSchedule({ agentId: "alice", name: "report" }),
      (error) => error instanceof CallError && error.reason === "SCHEDULE_NOT_FOUND",
    );
    await moveTo("10:00:00");
    assert.equal((await client.listSchedules({ agentId: "alice" })).schedules.length, 1);
    assert.equal((await client.listSchedules({ agentId: "bob" })).schedules.length, 0);
    assert.equal(await times(), 1);
  });

  for (const [what, field, limits, becomes] of [
    [
      "a wall time of 0, which 0.2.0 stored",
      "wall_time",
      { wallTime: { seconds: 0n, nanos: 0 } },
      { wallTime: undefined },
    ],
    [
      "64 MiB of output, which 0.3.0 stored",
      "output_bytes",
      { wallTime: undefined, outputBytes: 67_108_864n },
      { wallTime: undefined, outputBytes: undefined },
    ],
  ] as const) {
    it(`with ${what}, make tasks, and nobody can store it any more`, async () => {
      const { client } = await replica();
      const none = spec({ limits });
      await assert.rejects(client.putSchedule({ schedule: schedule({ spec: none }) }), (error) => {
        assert.ok(error instanceof CallError);
        assert.deepEqual(error.fields[0]?.field, `schedule.spec.limits.${field}`);
        return true;
      });
      await client.putSchedule({ schedule: schedule() });
      const key = scheduleKeys.of("alice");
      const stored = (await world.redis.client.hget(key, "report")) ?? assert.fail();
      const base64 = (of: TaskSpec) => Buffer.from(TaskSpec.encode(of).finish()).toString("base64");
      const older = stored.replace(base64(spec()), base64(none));
      assert.notEqual(older, stored);
      await world.redis.client.hset(key, "report", older);
      await moveTo("09:00:00");
      await eventually(async () => assert.equal(await times(), 1));
      const { schedules } = await client.listSchedules({ agentId: "alice" });
      const { lastFault, spec: shown } = schedules[0] ?? assert.fail();
      assert.deepEqual([lastFault, shown?.limits], ["", RunLimits.fromPartial(becomes)]);
    });
  }

  it("make each task once with two replicas, even when one stops and another starts in between", async () => {
    const [one, two] = [await replica(), await replica()];
    const counts = [one.counted, two.counted];
    const names = Array.from({ length: 20 }, (_, i) => `report-${i}`);
    for (const name of names) await one.client.putSchedule({ schedule: schedule({ name, missedRuns: 3 }) });
    const allMade = async (runs: number) =>
      eventually(async () => {
        assert.equal(await times(), names.length * runs);
        const made = await Promise.all(counts.map(async (counted) => counted()));
        assert.equal(
          made.reduce((sum, each) => sum + each, 0),
          names.length * runs,
        );
      });
    await moveTo("09:00:00");
    await allMade(1);
    await one.stop();
    await moveTo("11:00:00");
    await allMade(3);
    await two.stop();
    world.clock.now += 2 * HOUR_MS;
    counts.push((await replica()).counted, (await replica()).counted);
    await allMade(5);
  });

  it("make one task from two replicas that have different versions of the schedule", async () => {
    const { client } = await replica();
    await client.putSchedule({ schedule: schedule() });
    // Another replica made this run's task from another version of the schedule, and died before it recorded that.
    const { enqueue } = createSubmissions({
      queue: world.queue,
      limits: { maxPromptBytes: 1024, engines: ENGINES },
      newId: createTaskIds(1),
    });
    const stored = await createScheduleStore(world.redis.client).find({ agent: "alice", name: "report" });
    assert.ok(stored);
    const other = await createMakeTask(enqueue)({ ...stored, spec: "CgVvdGhlcg==" }, AT_8 + HOUR_MS);
    await moveTo("09:00:00");
    await eventually(async () => {
      const { schedules } = await client.listSchedules({ agentId: "alice" });
      assert.deepEqual({ task: schedules[0]?.lastTaskId }, other);
    });
    assert.equal(await times(), 1);
  });

  it("try a run again that failed because Redis could not store it", async () => {
    const { client } = await replica();
    await client.putSchedule({ schedule: schedule() });
    const stored = await createScheduleStore(world.redis.client).find({ agent: "alice", name: "report" });
    assert.ok(stored);
    const makeTask = createMakeTask(async () => {
      throw new Refusal("DEPENDENCY_UNAVAILABLE", "no replica confirmed", { retryAfterMs: 1_000 });
    });
    const made = await makeTask(stored, AT_8 + HOUR_MS);
    assert.deepEqual(made, { fault: "DEPENDENCY_UNAVAILABLE: no replica confirmed", retryMs: 1_000 });
  });

  it("are changed only by a caller that has seen the newest version", async () => {
    const { client } = await replica();
    await client.putSchedule({ schedule: schedule() });
    const store = createScheduleStore(world.redis.client);
    const which = { agent: "alice", name: "report" };
    const seen = await store.find(which);
    assert.ok(seen);
    await client.putSchedule({ schedule: schedule({ paused: true }) });
    const change = { which, before: seen, checkMs: 1, bounded: false };
    assert.equal(await store.swap({ ...change, after: { ...seen, lastRun: 1 } }), "changed");
    assert.equal(await store.swap({ ...change, after: undefined }), "changed");
    assert.equal((await store.find(which))?.paused, true);
    assert.equal(await store.nextCheck(), undefined);
  });

  it("are limited to a thousand for an agent, 8 MiB together", async () => {
    const { client } = await replica();
    const isFull = (error: unknown) => {
      assert.ok(error instanceof CallError && error.reason === "INVALID_FIELD", String(error));
      assert.match(error.message, /^schedule is one too many, .* 1000 .* delete one/);
      return true;
    };
    const big = spec({ prompt: "x".repeat(1024 * 1024) });
    for (let i = 0; i < 5; i++) await client.putSchedule({ schedule: schedule({ name: `big-${i}`, spec: big }) });
    await assert.rejects(client.putSchedule({ schedule: schedule({ name: "big-6", spec: big }) }), isFull);
    // A stored schedule may still become smaller, and may be stored again unchanged.
    await client.putSchedule({ schedule: schedule({ name: "big-0", spec: big }) });
    await client.putSchedule({ schedule: schedule({ name: "big-0" }) });
    const key = scheduleKeys.of("alice");
    const small = JSON.parse((await world.redis.client.hget(key, "big-0")) ?? "");
    const more = Array.from({ length: 994 }, (_, i) => `small-${i}`);
    await world.redis.client.hset(
      key,
      Object.fromEntries(more.map((name) => [name, JSON.stringify({ ...small, name })])),
    );
    await client.putSchedule({ schedule: schedule({ name: "small-999" }) });
    await assert.rejects(client.putSchedule({ schedule: schedule({ name: "small-1000" }) }), isFull);
    assert.equal((await client.listSchedules({ agentId: "alice" })).schedules.length, 1_000);
  });

  it("are refused by the names of their wrong fields, all at once", async () => {
    const { client } = await replica();
    const wrong = schedule({
      name: "a/b",
      cron: "@daily",
      timeZone: "+05:00",
      spec: spec({ prompt: "", startTime: new Date() }),
    });
    await assert.rejects(client.putSchedule({ schedule: wrong }), (error) => {
      assert.ok(error instanceof CallError && error.reason === "INVALID_FIELD");
      assert.deepEqual(
        error.fields.map(({ field }) => field),
        ["name", "cron", "time_zone", "spec.start_time", "spec.prompt"].map((field) => `schedule.${field}`),
      );
      return true;
    });
    const unknown = schedule({ spec: spec({ engine: "nobody" }) });
    await assert.rejects(
      client.putSchedule({ schedule: unknown }),
      (error) => error instanceof CallError && error.reason === "ENGINE_UNKNOWN",
    );
  });
});
