import assert from "node:assert/strict";
import { ErrorCategory, ErrorSource, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually } from "@ccsp/testkit";
import { queueKeys, scheduleKeys } from "../src/redis/keys.js";
import { createMakeTask } from "../src/schedules/make-task.js";
import { runDue } from "../src/schedules/run-due.js";
import { createScheduleStore } from "../src/schedules/schedule-store.js";
import { type QueueClient, serveReplica, spec, syncRequest } from "./grpc-world.js";
import { startWorld, type World } from "./world.js";

/** Bytes that end in the middle of a field. */
const BROKEN = Buffer.from([0x0a, 0x7f, 0x01]).toString("base64");

describe("stored data that cannot be read", () => {
  let world: World;
  let replica: { client: QueueClient; close(): Promise<void> };
  before(async () => {
    world = await startWorld();
    replica = await serveReplica(world);
  });
  beforeEach(() => world.reset());
  after(async () => {
    await replica.close();
    await world.close();
  });

  /** Replaces the spec in a stored task or schedule with BROKEN. */
  const breakSpec = async (key: string, field: string) => {
    const stored = JSON.parse((await world.redis.client.hget(key, field)) ?? "");
    await world.redis.client.hset(key, field, JSON.stringify({ ...stored, spec: BROKEN }));
  };
  const add = async (prompt: string): Promise<string> =>
    (await replica.client.enqueue({ agentId: "alice", spec: spec({ prompt }), requestId: "" })).task?.id ?? "";
  const engines = syncRequest().engines.map((offer) => ({ ...offer, freeSlots: 5, slots: 5 }));

  it("ends only its own task, with a failure that says so, and blocks no other from its executor", async () => {
    const { client } = replica;
    const [first, bad, last] = [await add("one"), await add("two"), await add("three")];
    await breakSpec(queueKeys(0).tasks, bad);
    const { leases } = await client.sync(syncRequest({ engines }));
    assert.deepEqual(
      leases.map(({ taskId, spec: leased }) => [taskId, leased?.prompt]),
      [
        [first, "one"],
        [last, "three"],
      ],
    );
    const { task } = await client.get({ taskId: bad, agentId: "alice" });
    assert.equal(task?.state, TaskState.FAILED);
    assert.deepEqual(
      [task.error?.category, task.error?.source, task.error?.retryable],
      [ErrorCategory.UNKNOWN_ERROR, ErrorSource.CCSP, false],
    );
    assert.match(task.error?.message ?? "", /cannot be read/);
    const listed = await client.list({ agentId: "alice", pageSize: 10, pageToken: "", filter: undefined });
    assert.deepEqual(listed.tasks.map(({ id }) => id).toSorted(), [first, bad, last].toSorted());
    const said = [];
    for await (const { event } of client.watch({ taskId: bad, agentId: "alice", afterSequence: 0 })) {
      said.push(event?.event?.$case);
    }
    assert.equal(said.at(-1), "taskEnded");
  });

  it("costs no other task a delivery when its record is not JSON", async () => {
    const { client } = replica;
    const [good, bad] = [await add("good"), await add("bad")];
    const { tasks } = queueKeys(0);
    const record = (await world.redis.client.hget(tasks, bad)) ?? "";
    await world.redis.client.hset(tasks, bad, record.replace("{", "{,"));
    const { leases } = await client.sync(syncRequest({ engines }));
    assert.deepEqual(
      leases.map(({ taskId }) => taskId),
      [good],
    );
  });

  it("blocks no lease of a waiting Sync that found a record which is not JSON", async () => {
    const { client } = replica;
    const bad = await add("bad");
    const { tasks, engine } = queueKeys(0);
    const record = (await world.redis.client.hget(tasks, bad)) ?? "";
    await world.redis.client.hset(tasks, bad, record.replace("{", "{,"));
    const waiting = client.sync(syncRequest({ engines, maxWait: { seconds: 10n, nanos: 0 } }));
    await eventually(async () => {
      assert.equal(await world.redis.client.zcard(engine("claude-code").normalLines), 0, "it has claimed");
    });
    const good = await add("good");
    const { leases } = await waiting;
    assert.deepEqual(
      leases.map(({ taskId }) => taskId),
      [good],
    );
  });

  it("hides no other schedule, and its own schedule reports it when its time comes", async () => {
    const { client } = replica;
    const put = (name: string) =>
      client.putSchedule({
        schedule: {
          agentId: "alice",
          name,
          cron: "* * * * *",
          timeZone: "",
          spec: spec(),
          missedRuns: 0,
          paused: false,
          createTime: undefined,
          lastTaskId: "",
          lastRunTime: undefined,
          nextRunTimes: [],
          lastFault: "",
        },
      });
    for (const name of ["bad", "good", "no-json"]) await put(name);
    await breakSpec(scheduleKeys.of("alice"), "bad");
    await world.redis.client.hset(scheduleKeys.of("alice"), "no-json", "{,");
    world.clock.now += 61_000;
    const store = createScheduleStore(world.redis.client, () => world.clock.now);
    const made: string[] = [];
    const makeTask = createMakeTask(async ({ requestId }) => {
      made.push(requestId);
      return { task: { id: "0-x", agent: "alice" } } as never;
    });
    const observer = { made: () => undefined, refused: () => undefined };
    await runDue({ store, makeTask, observer }).catch(() => undefined);
    const { schedules } = await client.listSchedules({ agentId: "alice" });
    assert.deepEqual(
      schedules.map(({ name, spec: kept, lastFault }) => [name, kept === undefined, lastFault.slice(0, 8)]),
      [
        ["bad", true, "INTERNAL"],
        ["good", false, ""],
      ],
    );
    assert.equal(made.length, 1);
  });
});
