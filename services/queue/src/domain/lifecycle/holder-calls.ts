import { Refusal } from "@ccsp/errors";
import type { Gates } from "../gates/gate-keeper.js";
import type { LimitStore } from "../gates/gate-store.js";
import type { Clock } from "../task/clock.js";
import { afterCompletion, afterFailure, afterLease, type RetryPolicy, retryTime } from "../task/decide.js";
import type { Move, MoveOutcome, RunFacts } from "../task/move.js";
import { isTaskId } from "../task/shard.js";
import type { Failure, State, Task } from "../task/task.js";
import type { Report, TaskChanges, TaskReads } from "../task/task-store.js";
import type { Moved, Moves } from "./moves.js";

interface HolderDeps {
  readonly store: TaskReads & TaskChanges & LimitStore & Clock;
  readonly moves: Moves;
  readonly gates: Gates;
}

/**
 * The calls of a lease's holder about its run. Each call throws LEASE_LOST when the caller does not have the lease any
 * more, and DEPENDENCY_UNAVAILABLE when Redis lost the lease.
 */
export function createHolderCalls({ store, moves, gates }: HolderDeps, retry: RetryPolicy) {
  return {
    async report(report: Report): Promise<void> {
      const outcome = isTaskId(report.id) ? await store.report(report) : "lost";
      if (outcome !== "ok") throw refused(report.id, outcome);
    },

    /**
     * Ends the task with its result, also after the end of the lease if no later one was granted. Returns the task as it
     * was when it was leased, or later.
     */
    async complete(id: string, fence: number, result: Uint8Array, facts: RunFacts): Promise<Task> {
      // Used only for fields that do not change during a lease. A holder's result ends the task in any state.
      const task = isTaskId(id) ? await store.findLeased(id, fence) : undefined;
      const outcome = task && (await moves.makeMove(task, afterCompletion(fence, facts), result));
      if (!task || (outcome !== "ok" && outcome !== "done")) throw refused(id, outcome);
      if (task.bound) await store.adaptBound({ engine: task.engine, account: task.account ?? "" }, "succeeded");
      return task;
    },

    /** Ends the run with a failure. Returns the next state of the task. */
    async fail(id: string, fence: number, error: Failure, facts: RunFacts): Promise<State> {
      const decide = async (task: Task): Promise<Move> => {
        const nowMs = await store.now(id);
        const readyMs = retryTime(task, error, nowMs, retry);
        if (task.fence === fence && (task.state === "LEASED" || task.state === "RUNNING")) {
          await gates.beforeRetry(task, error, { nowMs, readyMs });
        }
        return afterFailure(task, { fence, error, facts }, { nowMs, readyMs, refusals: retry.refusals });
      };
      const { outcome, to } = isTaskId(id) ? await moves.decideAndMove(id, decide) : NO_TASK;
      if (outcome === "ok" && to) return to;
      // This was a repeat, perhaps by the Redis client itself, so the task that was read before is old. When the task
      // has been leased again since then, the answer is the state that it got after this failure.
      const task = outcome === "done" ? await store.find(id) : undefined;
      if (task) return isAfterFailure(task.state) ? task.state : "PARKED";
      throw refused(id, outcome);
    },

    async release(id: string, fence: number, reason: string): Promise<void> {
      const decide = (task: Task): Move => afterLease(task, { how: "released", fence, reason });
      const { outcome } = isTaskId(id) ? await moves.decideAndMove(id, decide) : NO_TASK;
      if (outcome !== "ok" && outcome !== "done") throw refused(id, outcome);
    },
  };
}

const NO_TASK: Moved = { outcome: "missing", to: undefined };

const isAfterFailure = (state: State): boolean =>
  state === "PARKED" || state === "QUEUED" || state === "FAILED" || state === "CANCELLED";

/** The refusal for a call of a holder. */
function refused(id: string, outcome: MoveOutcome | undefined): Refusal {
  if (outcome !== "ahead") return leaseLost(id);
  return new Refusal(
    "DEPENDENCY_UNAVAILABLE",
    "Redis came back without this lease: call again after the next Sync, which names it",
    {
      metadata: { dependency: "redis" },
      retryAfterMs: 1_000,
    },
  );
}

function leaseLost(id: string): Refusal {
  const metadata = isTaskId(id) ? { task_id: id } : {};
  return new Refusal("LEASE_LOST", "this caller no longer holds the lease", { metadata });
}
