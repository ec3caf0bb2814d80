import { afterAlarm } from "./alarm.js";
import { afterParking } from "./decide.js";
import { enforceEmergency } from "./emergency-stop.js";
import type { Queue } from "./queue.js";
import type { Retention, TaskStore } from "./store.js";

const BATCH = 100;
const FORGET_EXECUTOR_MS = 60 * 60 * 1000;

/**
 * One round of what time alone brings: expired leases, parked tasks whose time has come, alarms of waiting ones, ended tasks to forget, gates that open, and
 * what was kept back and may go on, should its wake-up have been lost. Safe to run in
 * every replica at once: each change looks again whether it still applies. Takes batches until one is not full.
 * One task that cannot be read keeps nobody else waiting: its fault is thrown, with the others', when the round is over.
 */
export async function reap(store: TaskStore, queue: Queue, retention: Retention): Promise<void> {
  const faults: unknown[] = [];
  const inBatches = async (peek: () => Promise<readonly string[]>, act: (id: string) => Promise<void>) => {
    let before: readonly string[] = [];
    for (;;) {
      const ids = await peek();
      await Promise.all(ids.map((id) => act(id).catch((fault: unknown) => faults.push(fault))));
      // The same ids again would mean that acting on them does nothing: leave them to the next round.
      if (ids.length < BATCH || ids[0] === before[0]) return;
      before = ids;
    }
  };

  await inBatches(
    () => store.overdueLeases(BATCH),
    (id) => queue.freeLease(id, { how: "expired" }),
  );
  await inBatches(
    () => store.dueParked(BATCH),
    async (id) => {
      const task = await store.find(id);
      if (task) await queue.makeMove(task, afterParking(task));
    },
  );
  await inBatches(
    () => store.dueAlarms(BATCH),
    async (id) => {
      const task = await store.find(id);
      const move = task && afterAlarm(task, await store.now(id));
      if (task && move) await queue.makeMove(task, move);
    },
  );
  await inBatches(
    () => store.expiredEnds(retention, BATCH),
    async (id) => store.remove((await store.find(id)) ?? { id }),
  );
  await store.forgetExecutors(FORGET_EXECUTOR_MS);
  await store.mendRunning();
  await store.mendGates();
  await enforceEmergency(store, queue);
  await store.openDueGates();
  await queue.returnBlocked();
  await store.liftBench();
  if (faults.length > 0) throw new AggregateError(faults, `${faults.length} tasks could not be moved on`);
}
