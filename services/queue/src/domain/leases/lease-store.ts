import type { Emergency } from "../emergency/emergency.js";
import type { Offer } from "../executors/executor-store.js";
import type { UsedBudget } from "../gates/gates.js";
import type { Order } from "../order/order.js";
import type { Task } from "../task/task.js";

/** Grants and renews leases. Every change is atomic and idempotent: a repeated call changes nothing more. */
export interface LeaseStore {
  sync(heartbeat: Heartbeat): Promise<"stale" | SyncFindings>;
  /** Gives holders of leases more time when no executor could renew for a while. Called before each `overdueLeases`. */
  noticeOutage(leaseMs: number): Promise<void>;
  claim(claim: Claim): Promise<"stale" | "unsettled" | Claimed>;
  /** How many waiting urgent tasks of an engine may overtake now. */
  mayOvertake(engine: string, urgentMax: number): Promise<number>;
}

/** Identifies one call of one executor process. */
export interface SyncMark {
  readonly executor: string;
  readonly boot: string;
  readonly sequence: bigint;
}

export interface Heartbeat extends SyncMark {
  readonly draining: boolean;
  readonly offers: readonly Offer[];
  /** Host and port at which other services reach the executor, or empty. */
  readonly address: string;
  readonly held: readonly { readonly id: string; readonly fence: bigint }[];
  readonly leaseMs: number;
  /** A waiting call checks once more. It renews no lease. */
  readonly again: boolean;
}

export interface SyncFindings {
  readonly lost: readonly string[];
  readonly cancelled: readonly { readonly id: string; readonly fence: number; readonly reason: string }[];
  /** Leases that were granted before, and that the executor does not hold. */
  readonly unlisted: readonly { readonly id: string; readonly fence: number }[];
  /** Leases that the executor holds, and that Redis lost. */
  readonly forgotten: readonly { readonly id: string; readonly fence: number }[];
  /**
   * For how long no lease may be granted, because not all executors have said what they hold. 0: leases may be granted
   * now.
   */
  readonly holdMs: number;
  /** The stop in force. */
  readonly emergency: Emergency | undefined;
  /** Held leases whose runs may send no more messages to their models, and the used up budgets that hold them. */
  readonly runHolds: readonly {
    readonly id: string;
    readonly fence: number;
    readonly budgets: readonly UsedBudget[];
  }[];
}

export interface Claim extends SyncMark {
  readonly engine: string;
  readonly account: string;
  readonly count: number;
  readonly leaseMs: number;
  /** Bytes of prompts after which no more tasks are added, because an answer must fit into a message. */
  readonly maxBytes: number;
  readonly order: Order;
  /**
   * The claim was sent right behind its Sync, before the findings of the Sync are known. It grants nothing when these
   * findings have to be settled first.
   */
  readonly early: boolean;
}

export interface Claimed {
  readonly grants: readonly Grant[];
  /**
   * How long (ms) until time alone lets more start: a gate opens, or a rate limit has refilled. Absent: no task waits
   * for a time.
   */
  readonly waitMs?: number;
  /** Whether tasks wait for this executor only. */
  readonly pins: boolean;
  /**
   * Tasks left in line when the slots are full or the claim was deferred (`deferredBy`): other executors may take them.
   * 0: none of them may start.
   */
  readonly left: number;
  /**
   * Why this executor may start no more tasks, although another may: the gate or bound of its login, or its own gate.
   */
  readonly deferredBy?: "login" | "executor";
}

export interface Grant {
  readonly task: Task;
  readonly fence: number;
  readonly prompts: Uint8Array;
  readonly expireMs: number;
  /** An earlier answer to the same call granted it. */
  readonly again: boolean;
}
