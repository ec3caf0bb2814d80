import { Refusal } from "@ccsp/errors";
import { endsRuns, submitStopped } from "../emergency/emergency.js";
import type { EmergencyStore } from "../emergency/emergency-store.js";
import { readReason } from "../fields/text.js";
import { returnBlocked } from "../gates/blocked.js";
import type { Gates } from "../gates/gate-keeper.js";
import type { BlockedStore, GateStore, LimitStore } from "../gates/gate-store.js";
import { scopeName } from "../gates/scope.js";
import { type Bounds, boundNamed, queueFull } from "../intake/bounds.js";
import type { EnqueueOutcome, IntakeStore, NewTask } from "../intake/intake-store.js";
import { settleAnswers } from "../intake/settle-all.js";
import { labelCap, type Order } from "../order/order.js";
import type { Clock } from "../task/clock.js";
import {
  afterAnswer,
  afterBlock,
  afterCancel,
  afterCompletion,
  afterFailure,
  afterForgetting,
  afterLease,
  afterPriority,
  afterRevival,
  type Holder,
  type LeaseEnd,
  type RetryPolicy,
  retryTime,
} from "../task/decide.js";
import type { Move, MoveOutcome, RunFacts } from "../task/move.js";
import { taskNotFound } from "../task/not-found.js";
import { isTaskId } from "../task/shard.js";
import { type Failure, isEnded, isHeld, type PriorityClass, type State, type Task } from "../task/task.js";
import {
  type FullTask,
  type Place,
  type Report,
  type TaskChanges,
  type TaskContents,
  type TaskReads,
} from "../task/task-store.js";

export interface QueueLimits {
  /** What the store was given, for the words of a refusal. */
  readonly bounds: Bounds;
  readonly retry: RetryPolicy;
  readonly order: Order;
}

/** What happened, for metrics. */
export interface QueueObserver {
  /** It was not there before. */
  accepted(task: NewTask): void;
  ended(state: State): void;
  /** A run failed or was lost; `retried`: the task goes on. */
  failed(category: string, retried: boolean): void;
  leased(task: Task): void;
  leaseExpired(): void;
  /** A lease was used up before its run had started. */
  deliveryLost(): void;
}

/** What the rules need of the storage. */
export type LifecycleStore = IntakeStore &
  TaskReads &
  TaskContents &
  TaskChanges &
  Clock &
  GateStore &
  LimitStore &
  BlockedStore &
  EmergencyStore;

export type Queue = ReturnType<typeof createQueue>;

/** The rules of the queue over a store. Every method may throw a Refusal with the reasons of its RPC. */
export function createQueue(
  { store, gates, observer }: { store: LifecycleStore; gates: Gates; observer: QueueObserver },
  limits: QueueLimits,
) {
  /** The end of a run lets one more task of each of its capped labels try. */
  const returnLabels = async ({ id: ended, state, labels }: Place & Partial<Task>): Promise<void> => {
    if (labels === undefined || state === undefined || !isHeld(state)) return;
    for (const label of labels.filter((each) => labelCap(limits.order, each) !== undefined)) {
      const id = await store.firstBlocked(ended, scopeName({ kind: "label", label }));
      if (id !== undefined) await decideAndMove(id, afterBlock);
    }
  };

  const makeMove = async (task: Place & Partial<Task>, move: Move, result?: Uint8Array): Promise<MoveOutcome> => {
    const outcome = await store.move(task, move, result);
    // Also of a repeat, whose first answer was lost.
    if (task.labels && (outcome === "ok" || outcome === "done")) await returnLabels(task);
    if (outcome === "ok") observe(move);
    return outcome;
  };

  const observe = ({ to, set, event }: Move): void => {
    if (isEnded(to)) observer.ended(to);
    const { type, error } = event ?? {};
    if (error && (type === "retried" || type === "failed")) observer.failed(error.category, type === "retried");
    if (set.deliveries) observer.deliveryLost();
  };

  /**
   * Decides and moves, again when the task changed in between. Each round means that somebody else made progress. `to` is the
   * state that the task is in then.
   */
  const decideAndMove = async (
    id: string,
    decide: (task: Task) => Promise<Move | undefined> | Move | undefined,
  ): Promise<{ outcome: MoveOutcome; to: State | undefined }> => {
    for (;;) {
      const task = await store.find(id);
      const move = task && (await decide(task));
      if (!task || !move) return { outcome: task ? "ok" : "missing", to: task?.state };
      const outcome = await makeMove(task, move);
      if (outcome !== "moved") return { outcome, to: move.to };
    }
  };

  /** The agent's; any agent's for "", which is an operator. */
  const findFor = async (id: string, agent: string, what?: "whole"): Promise<Task> => {
    const task = isTaskId(id) ? await store.findConfirmed(id, what) : undefined;
    if (task === undefined || (agent !== "" && task.agent !== agent)) throw taskNotFound(id);
    return task;
  };

  const full = async (task: Task): Promise<FullTask> => ({
    task,
    prompts: await store.findPrompts(task.id),
    result: task.state === "SUCCEEDED" ? await store.findResult(task) : undefined,
  });

  /** Throws what is refused. A promise only of a request that came before: its task has to be read. */
  const accepted = (task: NewTask, answer: EnqueueOutcome): FullTask | Promise<FullTask> => {
    if (answer.outcome === "added") {
      observer.accepted(task);
      return { task: answer.task, prompts: task.prompts, result: undefined };
    }
    if (answer.outcome === "full") throw queueFull(limits.bounds, answer.bound);
    if (answer.outcome === "stopped") throw submitStopped(answer.stop);
    if (answer.outcome === "conflict") throw requestIdConflict(answer.id);
    return findFor(answer.id, task.agent).then(full);
  };

  /** Throws QUEUE_FULL. */
  const refuseFull = (outcome: MoveOutcome): void => {
    const bound = outcome.startsWith("full ") ? boundNamed(outcome.slice("full ".length)) : undefined;
    if (bound) throw queueFull(limits.bounds, bound);
  };

  return {
    enqueue: (task: NewTask): Promise<FullTask> => store.enqueue(task).then((answer) => accepted(task, answer)),

    /** Each for itself, together into the store. Never rejects. */
    async enqueueAll(tasks: readonly NewTask[]): Promise<PromiseSettledResult<FullTask>[]> {
      return settleAnswers(tasks, await store.enqueueAll(tasks), accepted);
    },

    /** Here and below `agent` may be "": an operator, whose every task is. */
    async get(id: string, agent: string): Promise<FullTask> {
      return full(await findFor(id, agent));
    },

    async cancel(id: string, agent: string, why: string): Promise<FullTask> {
      const reason = readReason(why);
      await findFor(id, agent);
      await decideAndMove(id, (task) => afterCancel(task, reason));
      return full(await findFor(id, agent));
    },

    /** What no executor has stays as it is. */
    async cancelHeld(id: string, reason: string): Promise<void> {
      await decideAndMove(id, (task) => (isHeld(task.state) ? afterCancel(task, reason) : undefined));
    },

    /** Puts a failed task back. */
    async retry(id: string, agent: string, why: string): Promise<FullTask> {
      const reason = readReason(why);
      const task = await findFor(id, agent);
      if (task.state === "SUCCEEDED" || task.state === "CANCELLED") throw notFailed(task);
      const { outcome } = await decideAndMove(id, (current) => afterRevival(current, reason));
      refuseFull(outcome);
      // Also when there was nothing to do: the call that put it back may have waited for replicas in vain.
      return full(await findFor(id, agent, "whole"));
    },

    /** Changes the class of a task that waits. */
    async setPriority(id: string, agent: string, priority: PriorityClass): Promise<FullTask> {
      await findFor(id, agent);
      await decideAndMove(id, (task) => afterPriority(task, priority));
      return full(await findFor(id, agent));
    },

    async report(report: Report): Promise<void> {
      const outcome = isTaskId(report.id) ? await store.report(report) : "lost";
      if (outcome !== "ok") throw refused(report.id, outcome);
    },

    /** Ends a task that nobody has with an answer that was there before. Changes nothing when somebody has it. */
    async answer(id: string, result: Uint8Array, facts: RunFacts): Promise<void> {
      const task = await store.find(id);
      if (task) await makeMove(task, afterAnswer(task, facts), result);
    },

    /** Answers the task as it was when it was leased, or later. */
    async complete(id: string, fence: number, result: Uint8Array, facts: RunFacts): Promise<Task> {
      // For what a lease does not change: whatever the state, a holder's result ends the task.
      const task = isTaskId(id) ? await store.findLeased(id, fence) : undefined;
      const outcome = task && (await makeMove(task, afterCompletion(fence, facts), result));
      if (!task || (outcome !== "ok" && outcome !== "done")) throw refused(id, outcome);
      if (task.bound) await store.adaptBound({ engine: task.engine, account: task.account ?? "" }, "succeeded");
      return task;
    },

    /** Answers the state that follows. */
    async fail(id: string, fence: number, error: Failure, facts: RunFacts): Promise<State> {
      const decide = async (task: Task): Promise<Move> => {
        const nowMs = await store.now(id);
        const readyMs = retryTime(task, error, nowMs, limits.retry);
        if (task.fence === fence && (task.state === "LEASED" || task.state === "RUNNING")) {
          await gates.beforeRetry(task, error, { nowMs, readyMs });
        }
        return afterFailure(task, { fence, error, facts }, { nowMs, readyMs, refusals: limits.retry.refusals });
      };
      const { outcome, to } = isTaskId(id) ? await decideAndMove(id, decide) : noTask;
      if (outcome === "ok" && to) return to;
      // Repeated, perhaps by the Redis client itself, so what was read before is old. A task that was leased again since
      // is told as what it became after this failure.
      const task = outcome === "done" ? await store.find(id) : undefined;
      if (task) return isAfterFailure(task.state) ? task.state : "PARKED";
      throw refused(id, outcome);
    },

    async release(id: string, fence: number, reason: string): Promise<void> {
      const decide = (task: Task): Move => afterLease(task, { how: "released", fence, reason });
      const { outcome } = isTaskId(id) ? await decideAndMove(id, decide) : noTask;
      if (outcome !== "ok" && outcome !== "done") throw refused(id, outcome);
    },

    /** Lets a run go on whose lease the store forgot; `accountOf` says which login its executor uses. False when somebody else has it or it has ended. */
    async resumeLease(
      id: string,
      { accountOf, ...holder }: Omit<Holder, "account"> & { accountOf: (engine: string) => string },
      ms: number,
    ): Promise<boolean> {
      const { outcome, to } = await decideAndMove(id, (task) => {
        return afterForgetting(task, { ...holder, account: accountOf(task.engine) }, ms);
      });
      return (outcome === "done" || outcome === "ok") && to !== undefined && isHeld(to);
    },

    /** Frees a lease that its holder does not know or that nobody renewed. Changes nothing when it is gone already. */
    async freeLease(id: string, end: Exclude<LeaseEnd, { how: "released" }>): Promise<void> {
      const { outcome } = await decideAndMove(id, async (task) =>
        afterLease(task, end, { parked: endsRuns(await store.emergency()) }),
      );
      if (outcome === "ok" && end.how === "expired") observer.leaseExpired();
    },

    findFor,
    makeMove,
    decideAndMove,
    refuseFull,
    returnBlocked: () => returnBlocked(store, limits.order, decideAndMove),
  };
}

function notFailed({ id, state }: Task): Refusal {
  const metadata = { task_id: id, state };
  return new Refusal("TASK_NOT_FAILED", `the task ended as ${state}: only FAILED and EXPIRED ones can be put back`, {
    metadata,
  });
}

const noTask = { outcome: "missing", to: undefined } as const;

const isAfterFailure = (state: State): boolean =>
  state === "PARKED" || state === "QUEUED" || state === "FAILED" || state === "CANCELLED";

function requestIdConflict(taskId: string): Refusal {
  const metadata = { task_id: taskId };
  return new Refusal("REQUEST_ID_CONFLICT", "request_id was used before with another payload", { metadata });
}

/** Why a call of a holder was not accepted. */
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
  return new Refusal("LEASE_LOST", "the lease is not this caller's any more", { metadata });
}
