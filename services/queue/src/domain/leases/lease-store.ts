import type { Emergency } from "../emergency/emergency.js";
import type { Offer } from "../executors/executor-store.js";
import type { Order } from "../order/order.js";
import type { Task } from "../task/task.js";

/** Grants and renews leases. Every change is atomic; it may be asked for twice and then happens once. */
export interface LeaseStore {
  sync(heartbeat: Heartbeat): Promise<"stale" | SyncFindings>;
  /** Gives holders of leases time to renew them when nobody could for a while; called before each look at `overdueLeases`. */
  noticeOutage(leaseMs: number): Promise<void>;
  claim(claim: Claim): Promise<"stale" | "unsettled" | Claimed>;
  /** How many urgent tasks of an engine wait that may overtake now. */
  mayOvertake(engine: string, urgentMax: number): Promise<number>;
}

/** One executor process, at one of its calls. */
export interface SyncMark {
  readonly executor: string;
  readonly boot: string;
  readonly sequence: bigint;
}

export interface Heartbeat extends SyncMark {
  readonly draining: boolean;
  readonly offers: readonly Offer[];
  readonly held: readonly { readonly id: string; readonly fence: bigint }[];
  readonly leaseMs: number;
  /** A waiting call that looks once more: renews nothing. */
  readonly again: boolean;
}

export interface SyncFindings {
  readonly lost: readonly string[];
  readonly cancelled: readonly { readonly id: string; readonly fence: number; readonly reason: string }[];
  /** Granted before and not held. */
  readonly unlisted: readonly { readonly id: string; readonly fence: number }[];
  /** Held, and granted by a Redis that forgot it. */
  readonly forgotten: readonly { readonly id: string; readonly fence: number }[];
  /** For how long nothing may be granted, since not all executors have said what they hold; 0: now. */
  readonly holdMs: number;
  /** In force. */
  readonly emergency: Emergency | undefined;
}

export interface Claim extends SyncMark {
  readonly engine: string;
  readonly account: string;
  readonly count: number;
  readonly leaseMs: number;
  /** Prompts after which no more is added: an answer must fit into a message. */
  readonly maxBytes: number;
  readonly order: Order;
  /** Asked for without the findings of its Sync, which was asked for just before: when these have to be settled first, it grants nothing. */
  readonly early: boolean;
}

export interface Claimed {
  readonly grants: readonly Grant[];
  /** How long until time alone lets more start: a gate opens, a rate limit has refilled. Absent: nothing waits for a time. */
  readonly waitMs?: number;
  /** Tasks wait for this executor and for no other. */
  readonly pins: boolean;
  /** Tasks in line that this claim says nothing about: its slots are full, or it was `kept`. 0 when none of what waits may start. */
  readonly left: number;
  /** What let this executor start no more, and may let others: the gate or bound of its login, or its own gate. */
  readonly kept?: "login" | "executor";
}

export interface Grant {
  readonly task: Task;
  readonly fence: number;
  readonly prompts: Uint8Array;
  readonly expireMs: number;
  /** It was granted before, in answer to the same call. */
  readonly again: boolean;
}
