import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import * as fc from "fast-check";
import { labelName, scopes } from "../src/domain/gates.js";
import { reap } from "../src/domain/reaper.js";
import type { NewTask } from "../src/domain/store.js";
import { CLASSES, isEnded, type Task } from "../src/domain/task.js";
import { checkInvariants } from "./invariants.js";
import { watchScripts } from "./script-watch.js";
import { TOPOLOGIES } from "./topologies.js";
import { executor, failure, LEASE_MS, newTask, startWorld, type World } from "./world.js";

// In three of four shards.
const AGENTS = ["alice", "bob", "carol"];
const EXECUTORS = ["ex-1", "ex-2", "ex-3"];
const SCOPES = [
  ...[scopes.all, scopes.class("high"), scopes.engine("claude-code"), scopes.agent("alice")],
  ...[scopes.label("k", "0"), scopes.account("claude-code", "")],
];
/** Caps on everything that can have one. */
const CAPS = { agentMaxRunning: 2, labelMaxRunning: { k: 1 } };

// Which task, lease or executor a step is about is a number, taken modulo how many there are at that moment.
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ op: fc.constant("enqueue" as const), n: fc.nat(15) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom("schedule", "pin", "hurry"), n: fc.nat(15) }) },
  { weight: 8, arbitrary: fc.record({ op: fc.constant("sync" as const), n: fc.nat(99) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constantFrom(
        "start",
        "report",
        "complete",
        "fail",
        "limit",
        "overload",
        "crash",
        "refuse",
        "release",
        "forget",
      ),
      n: fc.nat(99),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constantFrom(
        ...(["cancel", "retry", "priority", "pause", "resume"] as const),
        ...(["reboot", "old sync", "zombie", "reap", "wait"] as const),
      ),
      n: fc.nat(99),
    }),
  },
);
const ADDS = new Set<string>(["enqueue", "schedule", "pin", "hurry"]);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Everything that an executor and its agents may do, right or wrong. */
function play(world: World) {
  const tasks: Task[] = [];
  const spentFences: { id: string; fence: number }[] = [];
  const reports = new Map<number, number>();
  let boots = 0;
  const boot = (id: string) => executor(world, { id, boot: `boot-${++boots}`, slots: 2 });
  const executors = EXECUTORS.map(boot);

  const withLease = async (n: number, act: (id: string, fence: number) => Promise<unknown>, keeps = false) => {
    const leases = executors.flatMap((each) =>
      [...each.held].map(([id, fence]) => ({ each, id, fence: Number(fence) })),
    );
    const lease = leases[n % Math.max(leases.length, 1)];
    if (lease === undefined) return;
    await act(lease.id, lease.fence).catch(expectRefusal("LEASE_LOST"));
    if (keeps) return;
    lease.each.held.delete(lease.id);
    spentFences.push(lease);
  };
  const report = (id: string, fence: number, started: boolean) => {
    const number = (reports.get(fence) ?? 0) + 1;
    reports.set(fence, number);
    const entries = [Buffer.from(`${fence}/${number}`)];
    return world.queue.report({ id, fence, number, entries, ...(started && { started: { traceparent: "" } }) });
  };
  const end = (category: string, retryable: boolean) => (id: string, fence: number) =>
    world.queue.fail(id, fence, failure(category, { retryable }), {});

  const add = async (n: number, more: Partial<NewTask> = {}): Promise<void> => {
    tasks.push((await world.queue.enqueue({ ...newTask(anyTask(n), world.shards), ...more })).task);
  };

  return async ({ op, n }: Step): Promise<void> => {
    const at = n % EXECUTORS.length;
    const ex = executors[at];
    assert.ok(ex);
    const { queue, clock } = world;
    const task = tasks[n % Math.max(tasks.length, 1)];
    const scope = SCOPES[n % SCOPES.length] ?? scopes.all;
    switch (op) {
      case "enqueue":
        return add(n);
      case "schedule":
        return add(n, { start: clock.now + (n % 3) * LEASE_MS });
      case "pin":
        return add(n, { conditions: { pin: EXECUTORS[at] ?? "", pinMs: (n % 3) * LEASE_MS } });
      case "hurry":
        return add(n, { conditions: { deadline: clock.now + (n % 3) * LEASE_MS } });
      case "sync":
        return void (await ex.sync());
      case "start":
        return withLease(n, (id, fence) => report(id, fence, true), true);
      case "report":
        return withLease(n, (id, fence) => report(id, fence, false), true);
      case "complete":
        return withLease(n, (id, fence) => queue.complete(id, fence, Buffer.from("r"), {}));
      case "fail":
        return withLease(n, end("NETWORK_ERROR", true));
      case "limit":
        return withLease(n, end("USAGE_WINDOW", true));
      case "overload":
        return withLease(n, end("OVERLOADED", true));
      case "crash":
        return withLease(n, end("ENGINE_CRASH", true));
      case "refuse":
        return withLease(n, end("CANCELLED", false));
      case "release":
        return withLease(n, (id, fence) => queue.release(id, fence, "draining"));
      case "forget":
        return withLease(n, async () => {});
      case "cancel":
        return void (task && (await queue.cancel(task.id, task.agent, "enough")));
      case "retry":
        return void (task && (await queue.retry(task.id, task.agent, "").catch(expectRefusal("TASK_NOT_FAILED"))));
      case "priority":
        return void (task && (await queue.setPriority(task.id, "", CLASSES[n % 4] ?? "low")));
      case "pause":
        await world.gates.pause(scope, { who: "w", why: "y", ...(n % 2 && { opensMs: clock.now + LEASE_MS }) });
        return;
      case "resume":
        return void (await world.gates.resume(scope, { who: "w", why: "" }));
      case "reboot":
        executors[at] = boot(EXECUTORS[at] ?? "");
        return;
      case "old sync":
        return void (await ex.sync({ sequence: 1n }).catch(expectRefusal("SYNC_STALE")));
      case "zombie": {
        const old = spentFences[n % Math.max(spentFences.length, 1)];
        if (old) await queue.complete(old.id, old.fence, Buffer.from("zombie"), {}).catch(expectRefusal("LEASE_LOST"));
        return;
      }
      case "reap":
        return reap(world.store, queue, { retentionMs: 1e9, maxEnded: 1_000, maxEndedBytes: 1e12 });
      case "wait":
        clock.now += (n % 5) * (LEASE_MS / 3);
        return;
    }
  };
}

const anyTask = (n: number) => ({
  agent: AGENTS[n % 3] ?? "",
  class: CLASSES[n % 4] ?? "low",
  max: 1 + (n % 3),
  labels: n % 5 < 2 ? [labelName("k", String(n % 2))] : [],
});

const expectRefusal = (reason: string) => (error: unknown) => {
  if (!(error instanceof Refusal) || error.reason !== reason) throw error;
};

const COURSES = {
  "a single Redis": [
    { shards: 1, twice: false, runs: 40 },
    { shards: 1, twice: true, runs: 40 },
    { shards: 4, twice: true, runs: 20 },
  ],
  Sentinels: [{ shards: 4, twice: false, runs: 10 }],
  "a Cluster of six nodes": [
    { shards: 1, twice: false, runs: 10 },
    { shards: 4, twice: true, runs: 10 },
  ],
};

for (const { kind, start } of TOPOLOGIES) {
  describe(`any course of events, on ${kind}`, () => {
    let server: Awaited<ReturnType<typeof start>>;
    before(async () => void (server = await start()));
    after(() => server?.stop());

    for (const { shards, twice, runs } of COURSES[kind]) {
      const how = `in ${shards} shards${twice ? ", each script sent twice," : ""}`;
      it(`${how} keeps every task in the indexes of its state, its log whole, and ends each task that is let run`, async () => {
        const world = await startWorld({ server, twice, shards, order: CAPS });
        const property = fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: "max" }), (steps) =>
          runCourse(world, steps),
        );
        try {
          await fc.assert(property, { numRuns: runs });
        } finally {
          await world.close();
        }
      }).timeout(120_000);
    }
  });
}

it("the queue's scripts touch no key that they do not declare, in any course of events", async () => {
  const world = await startWorld({ order: CAPS });
  const watch = await watchScripts(world.server);
  try {
    for (const steps of fc.sample(fc.array(step, { minLength: 60, maxLength: 60 }), 10)) await runCourse(world, steps);
    const { scripts, undeclared } = await watch.seen();
    assert.ok(scripts > 500, `${scripts} scripts were seen`);
    assert.deepEqual(undeclared, []);
  } finally {
    watch.close();
    await world.close();
  }
}).timeout(60_000);

/** Looks after each step, and after the last lets everything run and be forgotten. */
async function runCourse(world: World, steps: readonly Step[]): Promise<void> {
  await world.reset();
  const act = play(world);
  for (const each of steps) {
    await act(each);
    await checkInvariants(world);
  }
  await letRun(world);
  const tasks = await checkInvariants(world);
  assert.ok(tasks.every(({ state }) => isEnded(state)));
  assert.equal(tasks.length, steps.filter(({ op }) => ADDS.has(op)).length, "no task is lost");
  await reap(world.store, world.queue, { retentionMs: 1e9, maxEnded: 0, maxEndedBytes: 1e12 });
  assert.deepEqual(await checkInvariants(world), [], "nothing is left when all are forgotten");
}

/** One good executor, until nothing is left. */
async function letRun(world: World): Promise<void> {
  for (const scope of SCOPES) await world.gates.resume(scope, { who: "w", why: "" });
  const good = executor(world, { id: "good", slots: 50 });
  for (let round = 0; round < 40; round++) {
    // Longer than any back-off, and than the ramp of any gate.
    world.clock.now += 2 * 3_600_000;
    await reap(world.store, world.queue, { retentionMs: 1e9, maxEnded: 1_000, maxEndedBytes: 1e12 });
    await good.sync();
    for (const [id, fence] of good.held) await world.queue.complete(id, Number(fence), Buffer.from("good"), {});
    good.held.clear();
  }
}
