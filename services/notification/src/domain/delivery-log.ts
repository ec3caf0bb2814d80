import type { Delivery } from "./notification.js";

export interface Page {
  readonly deliveries: readonly Delivery[];
  /** The position at which the next page starts. Undefined on the last page. */
  readonly next: string | undefined;
}

/** The log of what each channel accepted. It prevents repeated deliveries and can be listed. */
export interface DeliveryLog {
  has(channel: string, id: string): Promise<boolean>;
  /** Records a delivery. Returns "repeat" if it was recorded before, and then changes nothing. */
  add(delivery: Delivery): Promise<"ok" | "repeat">;
  /**
   * Lists deliveries, newest first, that come after the position `after` (an earlier `next`). An empty `eventType`
   * lists every type.
   */
  list(query: { after: string | undefined; size: number; eventType: string }): Promise<Page>;
  /** Whether a text has the form of a `next` of this log. */
  isPosition(text: string): boolean;
}
