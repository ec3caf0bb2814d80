import { randomUUID } from "node:crypto";
import { Refusal } from "@ccsp/errors";
import { readReason } from "../fields/text.js";
import type { Queue } from "../lifecycle/queue.js";
import { afterCancel, afterRevival } from "../task/decide.js";
import type { Move } from "../task/move.js";
import { isEnded, type PriorityClass, STATES, type State, type Task } from "../task/task.js";
import { ANY_TASK, isSurelyMeant, matches, type TaskFilter } from "./filter.js";
import type { CandidatePage, ConfirmationStore, Cursor, ListStore, WalkStore } from "./search-store.js";

/** Changes of one page: they go into Redis in groups, and others have their turn in between. */
const AT_ONCE = 128;
/** A millisecond of Redis. */
const COUNTED_AT_ONCE = 1_000;

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
  /** In which states the tasks are that are meant. */
  readonly states: readonly State[];
  /** At most: as long as one finds more, since a task can go back behind it, as one does whose lease is released. */
  readonly walks: number;
  readonly after: (task: Task) => Move | undefined;
  /** A meant task that is in this state now has been changed, whoever did it. */
  readonly reached: (state: State) => boolean;
}

/** A task that matched when it was found. */
interface Found {
  readonly id: string;
  readonly agent: string;
  /** Who was accepted later is not meant. */
  readonly asOf: number;
}

/** What changes of many tasks need of the storage. */
export type BulkStore = WalkStore & ListStore & ConfirmationStore;
/** Changes one task. */
type Changer = Pick<Queue, "decideAndMove" | "refuseFull">;

export type Bulk = ReturnType<typeof createBulk>;

/**
 * Changes of all tasks that a filter matches. Each task is changed by itself, and only while it still matches; a call that
 * stopped half-way, as it does when `signal` aborts or a bound on what waits is reached (QUEUE_FULL), can be repeated. Throws
 * INVALID_FIELD for a reason that is too long.
 */
export function createBulk({ store, queue }: { store: BulkStore; queue: Changer }) {
  const changed = async (
    { id, asOf }: Found,
    filter: TaskFilter,
    { states, after, reached }: Change,
  ): Promise<boolean> => {
    const { outcome, to } = await queue.decideAndMove(id, (task) =>
      states.includes(task.state) && task.created <= asOf && matches(task, filter) ? after(task) : undefined,
    );
    queue.refuseFull(outcome);
    return outcome === "ok" && to !== undefined && reached(to);
  };

  const changeAll = async (filter: TaskFilter, change: Change, { dryRun, signal }: Mode) => {
    const counts = { matched: new Map<string, number>(), changed: new Map<string, number>() };
    const { agent, engine, classes } = filter;
    const states = change.states.filter((state) => filter.states.length === 0 || filter.states.includes(state));
    const where = { states, classes, engine, agent };
    const start = await store.beginWalk(where);
    const met = new Set<string>();
    const changeAllOf = async (found: readonly Found[]): Promise<void> => {
      // All of them have an end before one that failed is told of.
      const settled = await Promise.allSettled(found.map((task) => changed(task, filter, change)));
      for (const [i, each] of settled.entries()) {
        const task = found[i];
        if (task && each.status === "fulfilled" && each.value) count(counts.changed, task);
      }
      const failed = settled.find((each) => each.status === "rejected");
      if (failed) throw failed.reason;
    };
    /** Answers how many it had not met. Two pages are under way at once, so that Redis and this process do not wait for each other by turns. */
    const walk = async (): Promise<number> => {
      const metBefore = met.size;
      let underWay = Promise.resolve();
      try {
        for (let cursor: Cursor | undefined = start; cursor !== undefined; ) {
          const page: CandidatePage = await store.candidates(where, dryRun ? COUNTED_AT_ONCE : AT_ONCE, cursor);
          signal.throwIfAborted();
          const found = (await matching(page, filter, states)).filter(({ id }) => met.size < met.add(id).size);
          for (const task of found) count(counts.matched, task);
          const before = underWay;
          if (!dryRun) underWay = changeAllOf(found);
          underWay.catch(() => undefined);
          await before;
          cursor = page.next;
        }
      } finally {
        await underWay;
      }
      return met.size - metBefore;
    };
    for (let walks = 0; walks < (dryRun ? 1 : change.walks) && states.length > 0; walks++) {
      if ((await walk()) === 0) break;
    }
    return counts;
  };

  const matching = async ({ asOf, found }: CandidatePage, filter: TaskFilter, states: readonly State[]) => {
    const sure = found.flatMap(({ id, waits }): Found[] => {
      const isSure = waits && waits.sinceMs <= asOf && isSurelyMeant(filter, waits.sinceMs);
      return isSure ? [{ id, agent: waits.agent, asOf }] : [];
    });
    if (sure.length === found.length) return sure;
    const known = new Set(sure.map(({ id }) => id));
    const records = await store.findAll(found.map(({ id }) => id).filter((id) => !known.has(id)));
    const read = records.filter((task) => states.includes(task.state) && task.created <= asOf && matches(task, filter));
    return [...sure, ...read.map(({ id, agent }) => ({ id, agent, asOf }))];
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
  states: STATES.filter((state) => !isEnded(state)),
  walks: 3,
  after: (task) => afterCancel(task, reason),
  reached: (state) => state === "CANCELLED" || state === "CANCELLING",
});

const reviving = (reason: string): Change => ({
  states: ["FAILED", "EXPIRED"],
  walks: 1,
  after: (task) => afterRevival(task, reason),
  reached: (state) => state !== "FAILED" && state !== "EXPIRED",
});

function count(counts: Map<string, number>, { agent }: Found): void {
  counts.set(agent, (counts.get(agent) ?? 0) + 1);
}
