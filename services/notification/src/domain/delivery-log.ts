import type { Delivery } from "./notification.js";

export interface Page {
  readonly deliveries: readonly Delivery[];
  /** Where the next page starts; undefined on the last. */
  readonly next: string | undefined;
}

/** What each channel took: remembered to tell nobody twice, and listed. */
export interface DeliveryLog {
  has(channel: string, id: string): Promise<boolean>;
  /** Notes a delivery; "repeat" when it was noted before, and nothing changes then. */
  add(delivery: Delivery): Promise<"ok" | "repeat">;
  /** Newest first, from `after` (a `next` of before) on; "" for every event type. */
  list(query: { after: string | undefined; size: number; eventType: string }): Promise<Page>;
  /** Whether a text is a `next` of this log. */
  isPosition(text: string): boolean;
}
