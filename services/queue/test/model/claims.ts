import assert from "node:assert/strict";
import type { Grant } from "../../src/domain/leases/lease-store.js";
import { labelCap, type Order } from "../../src/domain/order/order.js";
import { LEASE_MS } from "../world.js";
import type { ModelGates } from "./gates.js";
import { held, lease, type ModelTask } from "./tasks.js";

export interface Claimer {
  readonly id: string;
  readonly boot: string;
  readonly engine: string;
  /** Ids of the tasks granted in answers to its newest sequence. */
  readonly granted: Set<string>;
}

/** What one shard knows at the moment of a grant. */
export interface ClaimWorld {
  readonly now: number;
  readonly order: Order;
  readonly gates: ModelGates;
  /** All tasks of the shard. */
  readonly tasks: readonly ModelTask[];
}

/**
 * Checks each lease against the tasks that wait and run and the gates that are closed at that moment. Then adds it to
 * the model.
 */
export function checkGrants(world: ClaimWorld, claimer: Claimer, grants: readonly Grant[]): void {
  const { tasks, now } = world;
  for (const task of tasks) task.late ||= task.engine === claimer.engine && isOverdue(task, now);
  let newest = Math.max(0, ...tasks.map(({ fence }) => fence));
  let unpinned = 0;
  // The order in an answer has no meaning: a repeated grant may come after a new one.
  for (const { task, fence, expireMs } of grants.toSorted((a, b) => a.fence - b.fence)) {
    const about = tasks.find(({ id }) => id === task.id);
    assert.ok(about, `${task.id} was accepted`);
    if (about.fence === fence) {
      const again = about.state === "LEASED" && about.executor === claimer.id && claimer.granted.has(task.id);
      assert.ok(again, `${task.id} is granted again only to the executor that got it in answer to this call`);
      continue;
    }
    assert.equal(about.state, "QUEUED", `${task.id} is leased from the queue`);
    assert.ok(fence > newest, `fence ${fence} is newer than any`);
    newest = fence;
    const why = hindrance(world, claimer, about);
    assert.equal(why, undefined, `${task.id} may start: ${why}`);
    if (about.pin === undefined) {
      unpinned += 1;
      checkOrder(world, claimer, about);
    }
    world.gates.letThrough(scopesOf(claimer, about), now);
    const { id: executor, boot } = claimer;
    lease(about, { fence, executor, boot, expires: now + LEASE_MS });
    assert.equal(expireMs, now + LEASE_MS);
    claimer.granted.add(task.id);
  }
  if (unpinned === 0) return;
  const passed = tasks.find((task) => task.pin === claimer.id && mayStart(world, claimer, task));
  assert.equal(passed?.id, undefined, "a task pinned to this executor goes first");
}

/** Checks that, after a round of the reaper, a call leaves no task that may start, unless all its slots are full. */
export function checkNothingLeft(world: ClaimWorld, claimer: Claimer): void {
  if (world.gates.bounded.has(claimer.engine)) return;
  const left = world.tasks.find((task) => mayStart(world, claimer, task));
  assert.equal(left?.id, undefined, "a free slot stays empty only while no task may start");
}

/**
 * Checks that the task is the oldest of its agent and class, and that it does not go before an urgent task that may
 * overtake.
 */
function checkOrder(world: ClaimWorld, claimer: Claimer, about: ModelTask): void {
  const { tasks, order } = world;
  const others = tasks.filter((task) => task.id !== about.id && !task.pin && mayStart(world, claimer, task));
  const passed = others.find(
    (task) => task.agent === about.agent && task.class === about.class && ageOf(task) < ageOf(about),
  );
  assert.equal(passed?.id, undefined, `${about.id} is the oldest of its agent and class`);
  if (about.class === "urgent") return;
  const urgent = running(tasks, (task) => task.class === "urgent" && task.engine === claimer.engine);
  if (order.urgentMax > 0 && urgent >= order.urgentMax) return;
  const overtakes = others.find((task) => task.class === "urgent" && turnOpen(world, task.agent));
  assert.equal(overtakes?.id, undefined, `urgent goes before ${about.id}, which is ${about.class}`);
}

/**
 * Whether the task may start for certain. A task with labels is never certain: the queue may still hold it, although
 * its labels are free. The queue may have set a late task aside until it expires.
 */
function mayStart(world: ClaimWorld, claimer: Claimer, task: ModelTask): boolean {
  const there = task.state === "QUEUED" && task.labels.length === 0 && !task.late;
  return there && hindrance(world, claimer, task) === undefined;
}

/**
 * Whether the agent has turns. When an agent's gate opens by itself, the agent gets no turn until the next round of the
 * reaper.
 */
const turnOpen = ({ gates }: ClaimWorld, agent: string): boolean => !gates.knows(`agent/${agent}`);

/** Why a queued task may not start on this executor now. Undefined when it may start. */
function hindrance({ tasks, gates, now, order }: ClaimWorld, claimer: Claimer, task: ModelTask): string | undefined {
  if (task.engine !== claimer.engine) return "another engine";
  if (task.pin !== undefined && task.pin !== claimer.id) return "waits for another executor";
  if (isOverdue(task, now)) return "should have started by now";
  const closed = scopesOf(claimer, task).find((scope) => gates.room(scope, now) <= 0);
  if (closed !== undefined) return `${closed} is closed`;
  const ofAgent = running(tasks, ({ agent }) => agent === task.agent);
  if (order.agentMaxRunning > 0 && ofAgent >= order.agentMaxRunning) return "its agent is at its limit";
  const full = task.labels.find((label) => {
    const cap = labelCap(order, label);
    return cap !== undefined && running(tasks, ({ labels }) => labels.includes(label)) >= cap;
  });
  return full === undefined ? undefined : `the limit of ${full} is reached`;
}

const isOverdue = ({ state, attempt, deadline }: ModelTask, now: number): boolean =>
  state === "QUEUED" && attempt === 0 && deadline !== undefined && deadline <= now;

function scopesOf(claimer: Claimer, { agent, class: priority, labels }: ModelTask): string[] {
  return [
    "all",
    `class/${priority}`,
    `engine/${claimer.engine}`,
    `agent/${agent}`,
    `account/${claimer.engine}/`,
    `executor/${claimer.id}/${claimer.engine}`,
    ...labels.map((label) => `label/${label}`),
  ];
}

const running = (tasks: readonly ModelTask[], pick: (task: ModelTask) => boolean): number =>
  tasks.filter((task) => held(task) && pick(task)).length;

const ageOf = ({ since, id }: ModelTask): string => `${since.toString(16).padStart(11, "0")}/${id}`;
