import { randomUUID } from "node:crypto";
import { Refusal } from "@ccsp/errors";
import { readReason } from "../fields/text.js";
import type { Moves } from "../lifecycle/moves.js";
import { afterCancel, afterRetry } from "../task/decide.js";
import { isEnded, type PriorityClass, STATES } from "../task/task.js";
import { type Change, type Counts, changeAll } from "./change-all.js";
import { ANY_TASK, type TaskFilter } from "./filter.js";
import type { ConfirmationStore, ListStore, ScanStore } from "./search-store.js";

const CONFIRMATION_MS = 5 * 60_000;

export interface BulkChange {
  readonly filter: TaskFilter;
  readonly reason: string;
  readonly dryRun: boolean;
}

/** The tasks that ClearQueue removes. No agent: the tasks of all agents. */
export interface Clearing {
  readonly class: PriorityClass;
  readonly agent?: string;
}

/** The storage that changes of many tasks need. */
export type BulkStore = ScanStore & ListStore & ConfirmationStore;
export type Bulk = ReturnType<typeof createBulk>;

/**
 * Changes all tasks that a filter matches. Each task is changed on its own, and only while it still matches. A call can
 * stop half-way: when `signal` aborts, or when a bound on waiting tasks is reached (QUEUE_FULL). Then the caller can
 * repeat it. Throws INVALID_FIELD for a reason that is too long.
 */
export function createBulk({ store, moves }: { store: BulkStore; moves: Moves }) {
  return {
    async cancel({ filter, reason, dryRun }: BulkChange, signal: AbortSignal) {
      return changeAll({ store, moves }, filter, cancelling(readReason(reason)), { dryRun, signal });
    },

    async retry({ filter, reason, dryRun }: BulkChange, signal: AbortSignal) {
      return changeAll({ store, moves }, filter, retrying(readReason(reason)), { dryRun, signal });
    },

    /** Counts the tasks that `clear` would remove. The returned token is valid for 5 minutes. */
    async prepareClear(what: Clearing, signal: AbortSignal): Promise<{ counts: Counts; token: string }> {
      const nowMs = await store.earliestNow();
      const mode = { dryRun: true, signal };
      const { matched } = await changeAll({ store, moves }, clearing(what, nowMs), cancelling(""), mode);
      const token = randomUUID();
      await store.keepConfirmation(confirmationOf(what, token), nowMs, CONFIRMATION_MS);
      return { counts: matched, token };
    },

    /** Cancels the waiting tasks that were accepted before the token was made. Throws CONFIRMATION_INVALID. */
    async clear(what: Clearing, { token, reason }: { token: string; reason: string }, signal: AbortSignal) {
      const preparedMs = UUID.test(token) ? await store.takeConfirmation(confirmationOf(what, token)) : undefined;
      if (preparedMs === undefined || (await store.earliestNow()) - preparedMs >= CONFIRMATION_MS) {
        throw new Refusal("CONFIRMATION_INVALID", "the token is unknown, used, expired or of another class or agent");
      }
      const mode = { dryRun: false, signal };
      return (await changeAll({ store, moves }, clearing(what, preparedMs), cancelling(reason), mode)).changed;
    },
  };
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The name under which a token is stored. It has the class and agent, so a call for other tasks does not use up the
 * token.
 */
const confirmationOf = ({ class: priority, agent = "" }: Clearing, token: string): string =>
  `${priority}:${agent}:${token}`;

const clearing = ({ class: priority, agent }: Clearing, beforeMs: number): TaskFilter => ({
  ...ANY_TASK,
  classes: [priority],
  states: ["QUEUED", "PARKED", "SCHEDULED"],
  beforeMs,
  ...(agent !== undefined && { agent }),
});

const cancelling = (reason: string): Change => ({
  states: STATES.filter((state) => !isEnded(state)),
  mostScans: 3,
  after: (task) => afterCancel(task, reason),
  reached: (state) => state === "CANCELLED" || state === "CANCELLING",
});

const retrying = (reason: string): Change => ({
  states: ["FAILED", "EXPIRED"],
  mostScans: 1,
  after: (task) => afterRetry(task, reason),
  reached: (state) => state !== "FAILED" && state !== "EXPIRED",
});
