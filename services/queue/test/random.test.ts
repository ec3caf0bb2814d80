import assert from "node:assert/strict";
import { decodeEvent, type EventData } from "@ccsp/events";
import * as fc from "fast-check";
import { reap } from "../src/domain/due/reaper.js";
import { isEnded, isHeld, type Task } from "../src/domain/task/task.js";
import { queueKeys } from "../src/redis/keys.js";
import { checkInvariants } from "./invariants.js";
import { BOUNDS, CAPS, KEEP, Play, SCOPES } from "./model/play.js";
import { type Step, step } from "./model/steps.js";
import type { ModelTask } from "./model/tasks.js";
import { scopes } from "./scopes.js";
import { watchScripts } from "./script-watch.js";
import { TOPOLOGIES } from "./topologies.js";
import { ENGINES, executor, logOf, startWorld, type World } from "./world.js";

/** The number of steps of each course in total, instead of the usual few. `make soak-queue` sets it. */
const SOAK_STEPS = Number(process.env["CCSP_SOAK_STEPS"] ?? 0);
/** Repeats a run. The message of a failure has the seed of that run. */
const SEED = Number(process.env["CCSP_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const STEPS = 60;
/** Shrinking ends at this time too, with the smallest course found so far. */
const patienceMs = 120_000 + SOAK_STEPS * 50;
const WORLD = { order: CAPS, bounds: BOUNDS };

const COURSES = {
  "a single Redis": [
    { shards: 1, twice: false, runs: 30 },
    { shards: 1, twice: true, runs: 25 },
    { shards: 4, twice: true, runs: 15 },
  ],
  Sentinels: [{ shards: 4, twice: false, runs: 8 }],
  "a Cluster of six nodes": [
    { shards: 1, twice: false, runs: 8 },
    { shards: 4, twice: true, runs: 8 },
  ],
};

for (const { kind, start } of TOPOLOGIES) {
  describe(`any sequence of events, on ${kind}`, () => {
    let server: Awaited<ReturnType<typeof start>>;
    before(async () => void (server = await start()));
    after(() => server?.stop());

    for (const { shards, twice, runs } of COURSES[kind]) {
      const how = `in ${shards} shards${twice ? ", each script sent twice," : ""}`;
      it(`${how} keeps every task in the indexes of its state, its log complete, and ends each task that may run`, async () => {
        const world = await startWorld({ server, twice, shards, ...WORLD });
        const property = fc.asyncProperty(
          fc.noBias(fc.array(step, { minLength: 20, maxLength: STEPS, size: "max" })),
          (steps) => runCourse(world, steps),
        );
        try {
          await fc.assert(property, {
            seed: SEED,
            numRuns: Math.max(runs, Math.ceil(SOAK_STEPS / STEPS)),
            interruptAfterTimeLimit: patienceMs,
          });
        } finally {
          await world.close();
        }
      }).timeout(patienceMs + 30_000);
    }
  });
}

it("the queue's scripts use only keys that they declare, in any sequence of events", async () => {
  const world = await startWorld(WORLD);
  const watch = await watchScripts(world.server);
  try {
    for (const steps of fc.sample(fc.array(step, { minLength: 60, maxLength: 60 }), { numRuns: 10, seed: SEED }))
      await runCourse(world, steps);
    const { scripts, undeclared } = await watch.seen();
    assert.ok(scripts > 500, `${scripts} scripts were seen`);
    assert.deepEqual(undeclared, []);
  } finally {
    watch.close();
    await world.close();
  }
}).timeout(60_000);

/** Compares after each step. After the last step, lets everything run and be forgotten. */
async function runCourse(world: World, steps: readonly Step[]): Promise<void> {
  await world.reset();
  const play = new Play(world);
  for (const each of steps) {
    await play.step(each);
    compare(await checkInvariants(world), play.tasks);
  }
  await compareHistories(world, play);
  await letRun(world);
  const tasks = await checkInvariants(world);
  assert.ok(tasks.every(({ state }) => isEnded(state)));
  assert.equal(tasks.length, play.tasks.size, "no task is lost");
  await reap(world, { ...KEEP, maxEnded: 0 });
  assert.deepEqual(await checkInvariants(world), [], "nothing is left when all are forgotten");
}

/** Checks that the queue's tasks are those of the model, each in the same condition. */
function compare(tasks: readonly Task[], expected: ReadonlyMap<string, ModelTask>): void {
  const byId = (one: readonly unknown[], other: readonly unknown[]) => String(one[0]).localeCompare(String(other[0]));
  const found = tasks.map(({ id, state, class: priority, ...task }) => {
    const { attempt = 0, spent = 0, limited = 0, deliveries = 0, fence, executor, boot, ready, pin } = task;
    const where = isHeld(state) ? [fence, executor, boot] : state === "PARKED" || state === "SCHEDULED" ? [ready] : [];
    return [id, state, priority, task.since ?? task.created, pin, attempt, spent, limited, deliveries, ...where];
  });
  const said = [...expected.values()].map(({ id, state, class: priority, ...task }) => {
    const { since, attempt, spent, limited, deliveries, fence, executor, boot, ready, pin } = task;
    const where = isHeld(state) ? [fence, executor, boot] : state === "PARKED" || state === "SCHEDULED" ? [ready] : [];
    return [id, state, priority, since, pin, attempt, spent, limited, deliveries, ...where];
  });
  assert.deepEqual(found.toSorted(byId), said.toSorted(byId));
}

/**
 * Checks that each change of a task is in its log and on the event stream, exactly once and in order. Changes of gates
 * are on the event stream in the same way.
 */
async function compareHistories(world: World, expected: Pick<Play, "tasks" | "told">): Promise<void> {
  const events = new Map<string, string[]>();
  const told: string[] = [];
  for (let shard = 0; shard < world.shards; shard++) {
    for (const [id, fields] of await world.redis.client.xrange(queueKeys(shard).events, "-", "+")) {
      const of = (name: string): string => fields[fields.indexOf(name) + 1] ?? "";
      const [kind, what] = of("type").split(".");
      if (kind === "task") events.set(of("task"), [...(events.get(of("task")) ?? []), what ?? ""]);
      else told.push(`${of("type")} ${toldScope(decodeEvent(shard, id, fields)?.data)}`);
    }
  }
  assert.deepEqual(told, expected.told);
  for (const [id, task] of expected.tasks) {
    assert.deepEqual(events.get(id), task.events, `events of ${id}`);
    const log = await logOf(world.store, id);
    const states = log.flatMap(({ content }) => (content.kind === "state" ? [content.state] : []));
    assert.deepEqual(states, task.log, `log of ${id}`);
  }
}

function toldScope(data: EventData | undefined): string {
  if (data?.$case === "gateClosed" || data?.$case === "gateOpened") return data.value.scope;
  return data?.$case === "sessionTimeout" ? `account/${data.value.engine}/${data.value.account}` : "";
}

/** Runs one good executor of each engine until no task is left. */
async function letRun(world: World): Promise<void> {
  for (const scope of [...SCOPES, scopes.account("opencode", "")])
    await world.gates.resume(scope, { who: "w", why: "" });
  const good = ENGINES.map((engine) => executor(world, { id: `good-${engine}`, slots: 50, engine }));
  for (let round = 0; round < 40; round++) {
    const { leased, parked, scheduled, waitingBytes } = await world.store.counts();
    if (leased + parked + scheduled + waitingBytes === 0) return;
    // Longer than any back-off, and than the ramp of any gate.
    world.clock.now += 2 * 3_600_000;
    await reap(world, KEEP);
    for (const each of good) {
      await each.sync();
      for (const [id, fence] of each.held) await world.queue.complete(id, Number(fence), Buffer.from("good"), {});
      each.held.clear();
    }
  }
}
