import type { BlockedStore } from "../gates/gate-store.js";
import { scopeName } from "../gates/scope.js";
import { type Bounds, refuseFull } from "../intake/bounds.js";
import { labelCap, type Order } from "../order/order.js";
import { afterBlock } from "../task/decide.js";
import type { Move, MoveOutcome } from "../task/move.js";
import { isEnded, isHeld, type State, type Task } from "../task/task.js";
import type { Place, TaskChanges, TaskReads } from "../task/task-store.js";
import { NO_TRACES, type TaskTraces } from "../task/task-traces.js";
import type { QueueObserver } from "./observer.js";

type Decide = (task: Task) => Promise<Move | undefined> | Move | undefined;

/** Changes one task. Every change of an existing task is made here. */
export interface Moves {
  /** Makes a move that was decided before. */
  readonly makeMove: (task: Place & Partial<Task>, move: Move, result?: Uint8Array) => Promise<MoveOutcome>;
  /**
   * Reads the task, decides and moves. It decides again when the task changed in between, so each further round means
   * that another caller made progress. `to` is the state of the task after the call. Throws QUEUE_FULL when a bound on
   * waiting tasks has no room.
   */
  readonly decideAndMove: (id: string, decide: Decide) => Promise<Moved>;
}

export interface Moved {
  readonly outcome: MoveOutcome;
  readonly to: State | undefined;
}

export function createMoves(
  {
    store,
    observer,
    traces = NO_TRACES,
  }: { store: TaskReads & TaskChanges & BlockedStore; observer: QueueObserver; traces?: TaskTraces | undefined },
  { bounds, order }: { readonly bounds: Bounds; readonly order: Order },
): Moves {
  /** After the end of a run, one more blocked task of each capped label of this run may try to start. */
  const returnLabels = async ({ id: ended, state, labels }: Place & Partial<Task>): Promise<void> => {
    if (labels === undefined || state === undefined || !isHeld(state)) return;
    for (const label of labels.filter((each) => labelCap(order, each) !== undefined)) {
      const id = await store.firstBlocked(ended, scopeName({ kind: "label", label }));
      if (id !== undefined) await decideAndMove(id, afterBlock);
    }
  };

  const makeMove: Moves["makeMove"] = async (task, decided, result) => {
    const move = decided.bounded ? { ...decided, set: { ...decided.set, ...traceAgain(task, traces) } } : decided;
    const outcome = await store.move(task, move, result);
    // A repeated call does this too: the answer to the first call may have been lost.
    if (task.labels && (outcome === "ok" || outcome === "done")) await returnLabels(task);
    if (outcome === "ok") {
      observe(move, observer);
      traces.moved(task, move);
    }
    return outcome;
  };

  const decideAndMove: Moves["decideAndMove"] = async (id, decide) => {
    for (;;) {
      const task = await store.find(id);
      const move = task && (await decide(task));
      if (!task || !move) return { outcome: task ? "ok" : "missing", to: task?.state };
      const outcome = await makeMove(task, move);
      refuseFull(bounds, outcome);
      if (outcome !== "moved") return { outcome, to: move.to };
    }
  };

  return { makeMove, decideAndMove };
}

/** A task that is put back gets a new span, which links to the one before. */
function traceAgain({ trace }: Partial<Task>, traces: TaskTraces): Move["set"] {
  const again = traces.begin({ alone: true });
  return again ? { ...again, ...(trace !== undefined && { before: trace }), notes: null, noted: null } : {};
}

function observe({ to, set, event }: Move, observer: QueueObserver): void {
  if (isEnded(to)) observer.ended(to);
  const { type, error } = event ?? {};
  if (error && (type === "retried" || type === "failed")) observer.failed(error.category, type === "retried");
  if (set.deliveries) observer.deliveryLost();
}
