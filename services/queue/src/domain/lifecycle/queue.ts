import type { EmergencyStore } from "../emergency/emergency-store.js";
import { returnBlocked } from "../gates/blocked.js";
import type { Gates } from "../gates/gate-keeper.js";
import type { BlockedStore, GateStore, LimitStore } from "../gates/gate-store.js";
import { type Bounds, refuseFull } from "../intake/bounds.js";
import type { IntakeStore } from "../intake/intake-store.js";
import type { Order } from "../order/order.js";
import type { Clock } from "../task/clock.js";
import type { RetryPolicy } from "../task/decide.js";
import type { MoveOutcome } from "../task/move.js";
import type { TaskChanges, TaskContents, TaskReads } from "../task/task-store.js";
import { createAgentCalls } from "./agent-calls.js";
import { createEnqueue } from "./enqueue.js";
import { createHolderCalls } from "./holder-calls.js";
import { createMoves } from "./moves.js";
import type { QueueObserver } from "./observer.js";
import { createOwnChanges } from "./own-changes.js";

export interface QueueLimits {
  /** The bounds that the store has, for the message of a refusal. */
  readonly bounds: Bounds;
  readonly retry: RetryPolicy;
  readonly order: Order;
}

/** The storage that the rules need. */
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

/** All calls about one task, from its acceptance to its end. Each may throw a Refusal with a reason of its RPC. */
export function createQueue(
  { store, gates, observer }: { store: LifecycleStore; gates: Gates; observer: QueueObserver },
  { bounds, retry, order }: QueueLimits,
) {
  const moves = createMoves({ store, observer }, order);
  return {
    ...createEnqueue({ store, observer }, bounds),
    ...createAgentCalls({ store, moves }, bounds),
    ...createHolderCalls({ store, moves, gates }, retry),
    ...createOwnChanges({ store, moves, observer }),
    ...moves,
    /** Throws QUEUE_FULL when that is the outcome. */
    refuseFull: (outcome: MoveOutcome): void => refuseFull(bounds, outcome),
    returnBlocked: () => returnBlocked(store, order, moves.decideAndMove),
  };
}
