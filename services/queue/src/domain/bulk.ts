import { randomUUID } from "node:crypto";
import { Refusal } from "@ccsp/errors";
import { afterCancel, afterRevival } from "./decide.js";
import { ANY_TASK, matches, type TaskFilter } from "./filter.js";
import type { Move } from "./move.js";
import { type Queue, readReason } from "./queue.js";
import { newestFirst } from "./scan.js";
import type { TaskStore } from "./store.js";
import { isEnded, type PriorityClass, type State, type Task } from "./task.js";

/** Changes under way at once: they go into Redis in groups, and others have their turn in between. */
const AT_ONCE = 128;
const CONFIRMATION_MS = 5 * 60_000;

/** Numbers of tasks, by agent. */
export type Counts = ReadonlyMap<string, number>;

export interface BulkChange {
  readonly filter: TaskFilter;
  readonly reason: string;
  readonly dryRun: boolean;
}

/** What ClearQueue is about; every agent's tasks when none is named. */
export interface Clearing {
  readonly class: PriorityClass;
  readonly agent?: string;
}

interface Change {
  /** Which of the tasks that match are meant. */
  readonly meant: (task: Task) => boolean;
  readonly after: (task: Task) => Move | undefined;
  /** A meant task that is in this state now has been changed, whoever did it. */
  readonly reached: (state: State) => boolean;
}

/**
 * Changes of all tasks that a filter matches. Each task is changed by itself, and only while it still matches; a call that
 * stopped half-way, as it does when `signal` aborts or a bound on what waits is reached (QUEUE_FULL), can be repeated. Throws
 * INVALID_FIELD for a reason that is too long.
 */
export function createBulk({ store, queue }: { store: TaskStore; queue: Pick<Queue, "decideAndMove" | "refuseFull"> }) {
  const changed = async ({ id }: Task, filter: TaskFilter, { meant, after, reached }: Change): Promise<boolean> => {
    const { outcome, to } = await queue.decideAndMove(id, (task) =>
      meant(task) && matches(task, filter) ? after(task) : undefined,
    );
    queue.refuseFull(outcome);
    return outcome === "ok" && to !== undefined && reached(to);
  };

  const changeAll = async (filter: TaskFilter, change: Change, { dryRun, signal }: Mode) => {
    const counts = { matched: new Map<string, number>(), changed: new Map<string, number>() };
    let batch: Task[] = [];
    const changeBatch = async (): Promise<void> => {
      // All of them have an end before one that failed is told of.
      const settled = await Promise.allSettled(batch.map((task) => changed(task, filter, change)));
      const failed = settled.find((each) => each.status === "rejected");
      if (failed) throw failed.reason;
      const outcomes = settled.map((each) => each.status === "fulfilled" && each.value);
      for (const [i, task] of batch.entries()) if (outcomes[i]) count(counts.changed, task);
      batch = [];
    };
    for await (const task of newestFirst(store, { agent: filter.agent, first: AT_ONCE })) {
      signal.throwIfAborted();
      if (!change.meant(task) || !matches(task, filter)) continue;
      count(counts.matched, task);
      if (!dryRun) batch.push(task);
      if (batch.length === AT_ONCE) await changeBatch();
    }
    await changeBatch();
    return counts;
  };

  const clearing = ({ class: priority, agent }: Clearing, beforeMs: number): TaskFilter => ({
    ...{ ...ANY_TASK, classes: [priority], states: ["QUEUED", "PARKED", "SCHEDULED"], beforeMs },
    ...(agent !== undefined && { agent }),
  });
  /** A token is found under what it was made for only, so one of something else is not used up. */
  const confirmationOf = ({ class: priority, agent = "" }: Clearing, token: string) => `${priority}:${agent}:${token}`;

  return {
    async cancel({ filter, reason, dryRun }: BulkChange, signal: AbortSignal) {
      return changeAll(filter, cancelling(readReason(reason)), { dryRun, signal });
    },

    async retry({ filter, reason, dryRun }: BulkChange, signal: AbortSignal) {
      return changeAll(filter, reviving(readReason(reason)), { dryRun, signal });
    },

    /** Counts what `clear` would remove when it is called with the token within 5 minutes. */
    async prepareClear(what: Clearing, signal: AbortSignal): Promise<{ counts: Counts; token: string }> {
      const nowMs = await store.earliestNow();
      const { matched } = await changeAll(clearing(what, nowMs), cancelling(""), { dryRun: true, signal });
      const token = randomUUID();
      await store.keepConfirmation(confirmationOf(what, token), nowMs, CONFIRMATION_MS);
      return { counts: matched, token };
    },

    /** Ends what was accepted before the token was made and waits. Throws CONFIRMATION_INVALID. */
    async clear(what: Clearing, { token, reason }: { token: string; reason: string }, signal: AbortSignal) {
      const preparedMs = UUID.test(token) ? await store.takeConfirmation(confirmationOf(what, token)) : undefined;
      if (preparedMs === undefined || (await store.earliestNow()) - preparedMs >= CONFIRMATION_MS) {
        throw new Refusal("CONFIRMATION_INVALID", "the token is unknown, used, expired or of another class or agent");
      }
      return (await changeAll(clearing(what, preparedMs), cancelling(reason), { dryRun: false, signal })).changed;
    },
  };
}

interface Mode {
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const cancelling = (reason: string): Change => ({
  meant: ({ state }) => !isEnded(state),
  after: (task) => afterCancel(task, reason),
  reached: (state) => state === "CANCELLED" || state === "CANCELLING",
});

const reviving = (reason: string): Change => ({
  meant: ({ state }) => state === "FAILED" || state === "EXPIRED",
  after: (task) => afterRevival(task, reason),
  reached: (state) => state !== "FAILED" && state !== "EXPIRED",
});

function count(counts: Map<string, number>, { agent }: Task): void {
  counts.set(agent, (counts.get(agent) ?? 0) + 1);
}
