import type { Delivery } from "./notification.js";

/** A way to notify people or systems: a file, a webhook, an issue. */
export interface Channel {
  /** The name must not change, because the delivery log stores deliveries under it. */
  readonly name: string;
  /**
   * Resolves when the channel has accepted the delivery. Rejects within its own time limit if it has not. Then it is
   * called again later. The same delivery may come twice, if the process dies before it records the first one.
   */
  deliver(delivery: Delivery): Promise<void>;
}
