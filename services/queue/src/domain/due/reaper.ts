import { Refusal } from "@ccsp/errors";
import { enforceEmergency } from "../emergency/emergency-stop.js";
import type { EmergencyStore } from "../emergency/emergency-store.js";
import type { GateStore, LimitStore } from "../gates/gate-store.js";
import type { Moves } from "../lifecycle/moves.js";
import type { Queue } from "../lifecycle/queue.js";
import type { StatusStore } from "../status/status-store.js";
import { afterAlarm } from "../task/alarm.js";
import type { Clock } from "../task/clock.js";
import { afterParking } from "../task/decide.js";
import type { TaskChanges, TaskReads } from "../task/task-store.js";
import type { DueStore, NextDue, Retention } from "./due-store.js";

const BATCH = 100;
const FORGET_EXECUTOR_MS = 60 * 60 * 1000;

export interface ReaperDeps {
  readonly store: DueStore &
    TaskReads &
    TaskChanges &
    Clock &
    GateStore &
    LimitStore &
    EmergencyStore &
    Pick<StatusStore, "noteMinute">;
  readonly queue: Pick<Queue, "freeLease" | "cancelHeld" | "returnBlocked">;
  readonly moves: Moves;
}

/** What has become due since the last check: see `NextDue`. */
export type Due = Readonly<Record<keyof NextDue["waits"], boolean>>;

/**
 * Handles what is due: expired leases, parked tasks whose time has come, alarms of waiting tasks, gates that open, and
 * agents whose rate has refilled. All replicas may run it at the same time, because each change checks again whether it
 * still applies. It takes batches until one is not full. A failure, such as a task that cannot be read, does not stop
 * the rest: all faults are thrown together when the round is over.
 */
export async function reapDue(deps: ReaperDeps, due: Due): Promise<void> {
  const { store, queue } = deps;
  await inRound(async (attempt, inBatches) => {
    if (due.tasks) await reapTasks(deps, inBatches);
    if (due.gates) {
      await attempt(store.openDueGates());
      await attempt(queue.returnBlocked());
      await attempt(store.unthrottle());
    }
    if (due.refills) await attempt(store.unthrottleRefilled());
  });
}

/**
 * Like `reapDue`, but handles everything, because a wake-up may have been lost. It also deletes ended tasks, finishes
 * what a process that died left half done, and notes the counts of each minute.
 */
export async function reap(deps: ReaperDeps, retention: Retention): Promise<void> {
  const { store, queue } = deps;
  await inRound(async (attempt, inBatches) => {
    await reapTasks(deps, inBatches);
    await inBatches(
      () => store.expiredEnds(retention, BATCH),
      // When a record cannot be read, it is not known whether the result is in chunks. Chunks expire by themselves.
      async (id) => store.remove((await store.find(id).catch(() => undefined)) ?? { id }),
    );
    await attempt(store.forgetExecutors(FORGET_EXECUTOR_MS));
    await attempt(store.recountLeases());
    await attempt(store.noteMinute());
    await attempt(store.reconcileGates());
    await attempt(enforceEmergency(store, queue));
    await attempt(store.openDueGates());
    await attempt(queue.returnBlocked());
    await attempt(store.unthrottle());
    await attempt(store.unthrottleRefilled());
  });
}

type Attempt = (part: Promise<void>) => Promise<void>;
type InBatches = (peek: () => Promise<readonly string[]>, act: (id: string) => Promise<void>) => Promise<void>;

async function reapTasks({ store, queue, moves }: ReaperDeps, inBatches: InBatches): Promise<void> {
  await inBatches(
    () => store.overdueLeases(BATCH),
    (id) => queue.freeLease(id, { how: "expired" }),
  );
  await inBatches(
    () => store.dueParked(BATCH),
    async (id) => {
      const task = await store.find(id);
      if (task) await moves.makeMove(task, afterParking(task));
    },
  );
  await inBatches(
    () => store.dueAlarms(BATCH),
    async (id) => {
      const task = await store.find(id);
      const move = task && afterAlarm(task, await store.now(id));
      if (task && move) await moves.makeMove(task, move);
    },
  );
}

/**
 * Collects the faults of `parts` and throws them at the end. Throws at once when Redis is away: all later parts would
 * fail too.
 */
async function inRound(parts: (attempt: Attempt, inBatches: InBatches) => Promise<void>): Promise<void> {
  const faults: unknown[] = [];
  const attempt: Attempt = (part) => part.catch((fault: unknown) => void faults.push(fault));
  const batches: InBatches = async (peek, act) => {
    let before: readonly string[] = [];
    for (;;) {
      const ids = await peek();
      await Promise.all(ids.map((id) => attempt(act(id))));
      // The same ids again mean that the action had no effect. They are left for the next round.
      if (ids.length < BATCH || ids.at(-1) === before.at(-1)) return;
      before = ids;
    }
  };
  const inBatches: InBatches = (...how) =>
    batches(...how).catch((fault: unknown) => {
      if (fault instanceof Refusal && fault.reason === "DEPENDENCY_UNAVAILABLE") throw fault;
      faults.push(fault);
    });
  await parts(attempt, inBatches);
  if (faults.length > 0) throw new AggregateError(faults, `${faults.length} parts of the round failed`);
}
