import type { EmergencyStore } from "../emergency/emergency-store.js";
import { returnBlocked } from "../gates/blocked.js";
import type { Gates } from "../gates/gate-keeper.js";
import type { BlockedStore, GateStore, LimitStore } from "../gates/gate-store.js";
import type { Bounds } from "../intake/bounds.js";
import type { IntakeStore } from "../intake/intake-store.js";
import type { Order } from "../order/order.js";
import type { Clock } from "../task/clock.js";
import type { RetryPolicy } from "../task/decide.js";
import type { TaskChanges, TaskContents, TaskReads } from "../task/task-store.js";
import { createAgentCalls } from "./agent-calls.js";
import { createEnqueue } from "./enqueue.js";
import { createHolderCalls } from "./holder-calls.js";
import type { Moves } from "./moves.js";
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

interface QueueDeps {
  readonly store: LifecycleStore;
  readonly moves: Moves;
  readonly gates: Gates;
  readonly observer: QueueObserver;
}

/**
 * All calls about one task, from its acceptance to its end. Each may throw a Refusal with a reason of its RPC. It does
 * not give away `moves`, so that no caller can change a task without these rules.
 */
export function createQueue({ store, moves, gates, observer }: QueueDeps, { bounds, retry, order }: QueueLimits) {
  return {
    ...createEnqueue({ store, observer }, bounds),
    ...createAgentCalls({ store, moves }),
    ...createHolderCalls({ store, moves, gates }, retry),
    ...createOwnChanges({ store, moves, observer }),
    returnBlocked: () => returnBlocked(store, order, moves.decideAndMove),
  };
}
