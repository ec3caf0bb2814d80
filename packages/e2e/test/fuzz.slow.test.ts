import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { executorClient, monitorClient, notificationClient, queueClient } from "@ccsp/e2e-kit/internal-clients.js";
import { serviceChannel } from "@ccsp/e2e-kit/service-channel.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { PARTS, runCampaign } from "@ccsp/fuzz/campaign.js";
import { createLessee, type Lessee } from "@ccsp/fuzz/lessee.js";
import { heapsOf, MEASURED } from "@ccsp/fuzz/memory.js";
import { createRawClient, type RawClient } from "@ccsp/fuzz/raw-client.js";
import { type FuzzedRpc, fuzzedRpcs } from "@ccsp/fuzz/rpcs.js";
import { CallError } from "@ccsp/grpc-kit";
import { EmergencyLevel } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import type { Gate } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import { SetLimitsRequest } from "@ccsp/protos/ccsp/queue/v1/limit.js";
import { TaskFilter } from "@ccsp/protos/ccsp/task/v1/filter.js";
import { type Task, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually } from "@ccsp/testkit";
import { NO_LIMITS } from "../src/no-limits.js";

const INPUTS = Number(process.env["CCSP_FUZZ_INPUTS"] ?? 100_000);
const SEED = process.env["CCSP_SEED"] ?? randomUUID();
const CLIENTS = 4;
const SLOTS = 2;
/** From 20 % of the inputs to the end. 80,000 inputs that leave 200 bytes each would be 16 MB. */
const MOST_GROWTH_MB = 10;

/**
 * The gateway's limits are not what this test is about. Traces and lines of each call would take most of the time.
 * The bounds on waiting and ended tasks are low, so a fifth of the inputs reaches them. From then on the fleet has no
 * reason to use more memory, and growth is a leak.
 */
const SETTINGS = {
  ...NO_LIMITS,
  CCSP_LOG_LEVEL: "warn",
  OTEL_EXPORTER_OTLP_ENDPOINT: "",
  CCSP_QUEUE_MAX_WAITING: "300",
  CCSP_QUEUE_AGENT_MAX_WAITING: "40",
  CCSP_QUEUE_MAX_ENDED: "300",
  CCSP_QUEUE_LEASE: "10s",
  CCSP_GATEWAY_ABANDONED_CALLS: "10000",
};

/** 64 fuzzed calls at once keep a small machine busy, and these calls must not fail for that. */
const PATIENT = { timeoutMs: 60_000 };

describe(`${INPUTS} fuzzed inputs over all RPCs with a valid identity (CCSP_SEED=${SEED})`, function () {
  this.timeout(1_200_000);
  let world: World;
  let clientOf: (rpc: FuzzedRpc, index: number) => RawClient;
  let lessee: Lessee | undefined;
  const clients: RawClient[] = [];
  const rpcs = fuzzedRpcs();
  before(async () => {
    // Most of what is accepted waits: so it is there to be read back, and few engine processes start.
    world = await startWorld({ engine: "scripted", slots: SLOTS, nodeOptions: MEASURED, env: SETTINGS });
    const routes = new Map<string, readonly RawClient[]>();
    for (const { name, ports } of world.fleet.processes()) {
      const served = rpcs.filter(({ service }) => service === name);
      for (const caller of new Set(served.map((rpc) => rpc.caller))) {
        const theirs = served.filter((rpc) => rpc.caller === caller);
        const options = caller && { credentials: serviceChannel(world.certificates, { as: caller, to: name }) };
        const opened = Array.from({ length: CLIENTS }, (_, index) =>
          createRawClient(theirs, `127.0.0.1:${ports.grpc}`, options, async () =>
            caller ? {} : { authorization: `Bearer ${await world.token(`fuzz-${index}`, { scopes: ["admin"] })}` },
          ),
        );
        clients.push(...opened);
        for (const { path } of theirs) routes.set(path, opened);
      }
    }
    clientOf = ({ path }, index) => {
      const client = routes.get(path)?.[index % CLIENTS];
      assert.ok(client);
      return client;
    };
  });
  after(async () => {
    for (const client of [lessee, ...clients]) client?.close();
    await world.close();
  });

  it("cause no INTERNAL, no crash and no unreadable data, leave memory flat, and 20 tasks succeed afterwards", async () => {
    const heaps: ReadonlyMap<string, number>[] = [];
    lessee = createLessee(world);
    const began = performance.now();
    const { wrong, statuses, late, accepted } = await runCampaign({
      rpcs,
      inputs: INPUTS,
      seed: SEED,
      clientOf,
      lessee,
      keepGoing: (time) => keepGoing(world, { draining: time % 2 === 1 }),
      async afterPart() {
        heaps.push(await heapsOf(world));
      },
    });
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage();
    console.log(`${INPUTS} inputs in ${seconds.toFixed(0)} s, ${((user + system) / 1e6).toFixed(0)} s of CPU here`, {
      ...statuses,
      late,
    });
    console.log(
      "never accepted:",
      [...accepted]
        .filter(([, count]) => count === 0)
        .map(([path]) => path)
        .join(" "),
    );
    const failures = world.lines.filter((line) => line.includes("a handler failed"));
    for (const line of failures.slice(0, 5)) console.log(line.slice(0, 1_500));
    assert.deepEqual(wrong.slice(0, 10), [], `${wrong.length} calls ended wrongly`);
    assert.deepEqual(
      world.fleet.processes().filter(({ restarts }) => restarts > 0),
      [],
    );
    assert.ok(late <= INPUTS / 100, `${late} calls were not answered in time`);
    assertFlat(heaps);
    await keepGoing(world, { draining: false });
    await untilNoBudgetHolds(world);
    await readBack(world);
    await twentyTasks(world);
  });
});

/**
 * Undoes what stops the fleet: an emergency stop, gates, budgets, limits, no slots. While the executor is draining, the
 * executors that fuzzed calls pretend to be get the leases.
 */
async function keepGoing(world: World, { draining }: { draining: boolean }): Promise<void> {
  const queue = queueClient(world);
  const executor = executorClient(world);
  const monitor = monitorClient(world);
  try {
    const { gates, emergency } = await queue.getStatus({}, PATIENT);
    if (emergency && emergency.level !== EmergencyLevel.UNSPECIFIED)
      await queue.resumeQueue(
        {
          scope: { scope: { $case: "emergency", value: true } },
          who: "test",
          why: "the fuzzing goes on",
        },
        PATIENT,
      );
    for (const { budget } of (await monitor.listBudgets({}, PATIENT)).budgets)
      await deleteBudget(monitor, budget?.name ?? "");
    for (const gate of gates.filter((each) => !isOfBudgets(each)))
      await queue.resumeQueue({ scope: gate.scope, who: "test", why: "the fuzzing goes on" }, PATIENT);
    const { limits } = await queue.getLimits({}, PATIENT);
    const changes = limits.flatMap(({ name, source }) => (source ? [{ name }] : []));
    // One call takes 100 of them.
    for (let from = 0; from < changes.length; from += 100) {
      const part = { changes: changes.slice(from, from + 100), who: "test", why: "the fuzzing goes on" };
      await queue.setLimits(SetLimitsRequest.fromPartial(part), PATIENT);
    }
    await executor.setDraining({ draining }, PATIENT);
    for (const { status } of (await executor.listEngines({}, PATIENT)).engines)
      await executor.setConcurrency({ engine: status?.engine ?? "", slots: SLOTS }, PATIENT);
  } finally {
    for (const client of [queue, executor, monitor]) client.close();
  }
}

/** Only the monitor opens such a gate. To resume one of a model, or of an unknown engine, is refused. */
const isOfBudgets = ({ budgets }: Gate): boolean => budgets.length > 0;

/** Resolves when the monitor has opened the gates of deleted budgets, and of holds that a fuzzed call has set. */
async function untilNoBudgetHolds(world: World): Promise<void> {
  const queue = queueClient(world);
  try {
    await eventually(async () => assert.deepEqual((await queue.getStatus({}, PATIENT)).gates.filter(isOfBudgets), []), {
      timeoutMs: 60_000,
      what: "the gates of budgets to open",
    });
  } finally {
    queue.close();
  }
}

/** A fuzzed call may have deleted it before. */
async function deleteBudget(monitor: ReturnType<typeof monitorClient>, name: string): Promise<void> {
  try {
    await monitor.deleteBudget({ name }, PATIENT);
  } catch (error) {
    if (!(error instanceof CallError && error.reason === "BUDGET_NOT_FOUND")) throw error;
  }
}

/** Compares what is left after a collection at 20 % and at the end. */
function assertFlat(heaps: readonly ReadonlyMap<string, number>[]): void {
  assert.equal(heaps.length, PARTS);
  const [early, late] = [heaps.at(0), heaps.at(-1)];
  for (const [name, bytes] of early ?? []) {
    const steps = heaps.map((heap) => ((heap.get(name) ?? 0) / 1024 / 1024).toFixed(1));
    console.log(`heap of the ${name} in MB after each fifth: ${steps.join(" ")}`);
    if (INPUTS < 20_000) continue;
    const grown = ((late?.get(name) ?? 0) - bytes) / 1024 / 1024;
    assert.ok(grown < MOST_GROWTH_MB, `the heap of the ${name} has grown by ${grown.toFixed(1)} MB`);
  }
}

/** Reads everything that is stored: each task and its log, schedules, usage, notifications. */
async function readBack(world: World): Promise<void> {
  const queue = queueClient(world);
  const monitor = monitorClient(world);
  const notification = notificationClient(world);
  try {
    await readEach(queue, async ({ id, agentId }) => {
      assert.equal((await queue.get({ taskId: id, agentId })).task?.id, id);
      await queue.explainTask({ taskId: id, agentId: "" });
    });
    await queue.cancelTasks({ filter: EVERY_TASK, reason: "the fuzzing is over" }, { timeoutMs: 60_000 });
    await eventually(
      async () =>
        assert.deepEqual(
          (await allTasks(queue)).filter(({ state }) => !ENDED.has(state)),
          [],
        ),
      { timeoutMs: 60_000, what: "every task to end" },
    );
    let events = 0;
    const tasks = await readEach(queue, async ({ id, agentId }) => {
      for await (const { event } of queue.watch({ taskId: id, agentId })) events += event ? 1 : 0;
    });
    const { schedules } = await queue.listSchedules({});
    const { rows } = await monitor.getUsage({});
    const { notifications } = await notification.listNotifications({});
    const stored = { tasks: tasks.length, events, schedules: schedules.length, usage: rows.length };
    console.log("read back:", { ...stored, notifications: notifications.length });
    assert.ok(tasks.length > 0 && events >= tasks.length, "too little was stored");
  } finally {
    for (const client of [queue, monitor, notification]) client.close();
  }
}

/** Reads every task that is listed. Resolves to them. The bound on ended tasks may remove some meanwhile, oldest first. */
async function readEach(
  queue: ReturnType<typeof queueClient>,
  read: (task: Task) => Promise<void>,
): Promise<readonly Task[]> {
  const listed = await allTasks(queue);
  const gone: string[] = [];
  for (const task of listed) {
    try {
      await read(task);
    } catch (error) {
      if (!(error instanceof CallError && error.reason === "TASK_NOT_FOUND")) throw error;
      gone.push(task.id);
    }
  }
  const left = new Set((await allTasks(queue)).map(({ id }) => id));
  assert.deepEqual(
    gone.filter((id) => left.has(id)),
    [],
    "tasks that are listed and cannot be read",
  );
  return listed.filter(({ id }) => !gone.includes(id));
}

const EVERY_TASK = TaskFilter.fromPartial({ createdAfter: new Date(0) });
const ENDED = new Set([TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED, TaskState.EXPIRED]);

async function allTasks(queue: ReturnType<typeof queueClient>): Promise<Task[]> {
  const tasks: Task[] = [];
  let pageToken = "";
  do {
    const page = await queue.list({ pageSize: 500, pageToken });
    tasks.push(...page.tasks);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return tasks;
}

async function twentyTasks(world: World): Promise<void> {
  const client = world.client("honest");
  const runs = await Promise.all(
    Array.from({ length: 20 }, (_, index) => collect(client.run({ prompt: `task ${index}`, priority: "urgent" }))),
  );
  assert.deepEqual(new Set(runs.map(({ ended }) => ended.state)), new Set(["SUCCEEDED"]));
  const monitor = monitorClient(world);
  try {
    await eventually(
      async () => {
        const { rows } = await monitor.getUsage({});
        const runsOf = rows.filter(({ agentId }) => agentId === "honest").reduce((sum, row) => sum + row.runs, 0n);
        assert.equal(runsOf, 20n);
      },
      { timeoutMs: 60_000, what: "the events of the honest tasks to reach the monitor" },
    );
  } finally {
    monitor.close();
  }
}
