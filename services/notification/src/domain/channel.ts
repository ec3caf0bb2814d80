import type { Delivery } from "./notification.js";

/** A way to tell someone: a file, a webhook, an issue. */
export interface Channel {
  /** Stable: what was delivered is remembered under it. */
  readonly name: string;
  /**
   * Resolves when the channel has taken it. Rejects when it did not, within its own time limit: it is called again later.
   * The same delivery may come twice, when the process died before it could note the first.
   */
  deliver(delivery: Delivery): Promise<void>;
}
