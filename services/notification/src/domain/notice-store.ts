import type { Delivered, Delivery, Incident, Notice } from "./notice.js";

export interface Page<T> {
  readonly entries: readonly T[];
  /** The position at which the next page starts. Undefined on the last page. */
  readonly next: string | undefined;
}

/** How a channel gets one notice. */
export interface Route {
  readonly channel: string;
  /** `record`: it gets each notice by itself. `told`: it gets the beginning of each incident once. */
  readonly mode: "record" | "told";
  /** The earliest time of delivery. Undefined: now. */
  readonly notBefore: Date | undefined;
}

/** Where a notice is in the order in which things happened, in texts that sort (`placeOf`). */
export interface Order {
  /** Undefined: it comes in order. */
  readonly place?: string | undefined;
  /** The place of the newest end of its incident that the caller knows of. Undefined: it knows of none. */
  readonly newestEnd?: string | undefined;
}

/** A delivery that this worker has for a limited time. */
export interface Claim {
  readonly channel: string;
  readonly notice: Notice;
  readonly id: string;
  readonly repeats: number;
  readonly ref: string | undefined;
  readonly delivery: Delivery;
  /** Attempts right before this one whose end was never stored: the process of each has died, or has lost Redis. */
  readonly lost: number;
  /** Names the claim to `settle`. */
  readonly claim: string;
}

export interface Claimed {
  readonly claims: readonly Claim[];
  /** Time until another delivery may be due. Undefined: none waits for a time. */
  readonly nextMs: number | undefined;
}

/** How an attempt ended. */
export interface Settlement {
  readonly outcome: "ok" | "retry" | "dead";
  readonly delivery: Delivery;
  /** Wait before the next attempt. */
  readonly retryMs: number;
  readonly ref: string | undefined;
  /** Wait before the next attempt of the whole channel. 0: none. */
  readonly pauseMs: number;
  /** What the attempt says of the channel. */
  readonly channelIs: "ok" | "failed" | "same";
  /** For the list of what channels accepted. Undefined when it was not accepted. */
  readonly delivered: Delivered | undefined;
}

export interface ChannelState {
  /** Deliveries that wait. */
  readonly waiting: number;
  /** Failures in a row. */
  readonly failures: number;
  readonly pausedUntil: Date | undefined;
}

/** The notices, and what each channel has of them. Replicas share it. */
export interface NoticeStore {
  /**
   * Stores a notice for the channels of its routes. Answers `repeat` if it was accepted before, and `counted` if it
   * repeats what is open: then only channels that record get it, and the others get the number of repeats. Answers
   * `late` for a beginning whose end is known already or has passed: then only channels that record get it, and the
   * incident stays as it is. The newest end of an incident is remembered, also if its beginning has not come.
   */
  accept(notice: Notice, routes: readonly Route[], order?: Order): Promise<"ok" | "repeat" | "counted" | "late">;
  /** Puts one message into the queues for each incident whose repeats are to be reported. Returns their number. */
  tellRepeats(): Promise<number>;
  claim(channel: string, options: { most: number; perMinute: number; leaseMs: number }): Promise<Claimed>;
  settle(claim: Claim, settlement: Settlement): Promise<"ok" | "repeat" | "lost">;
  /** Lets a delivery be tried again now, also if its channel is paused: the pause ends. */
  retry(channel: string, id: string): Promise<"ok" | "missing" | "delivered">;
  find(id: string): Promise<{ readonly notice: Notice; readonly deliveries: readonly Delivery[] } | undefined>;
  incident(dedupKey: string): Promise<Incident | undefined>;
  channelStates(): Promise<ReadonlyMap<string, ChannelState>>;
  /**
   * Lists what channels accepted, newest first, after the position `after` (an earlier `next`). An empty `eventType` or
   * `channel` means all.
   */
  listDelivered(query: ListQuery): Promise<Page<Delivered>>;
  /** Lists what waits or was given up, newest first. */
  listUndelivered(state: "waiting" | "dead", query: ListQuery): Promise<Page<Undelivered>>;
  /** Whether a text has the form of a `next` of the list of this state. */
  isPosition(text: string, state: Delivery["state"]): boolean;
}

export interface ListQuery {
  readonly after: string | undefined;
  readonly size: number;
  readonly eventType: string;
  readonly channel: string;
}

export interface Undelivered {
  readonly notice: Notice;
  readonly delivery: Delivery;
}
