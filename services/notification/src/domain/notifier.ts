import type { Channel } from "./channel.js";
import type { DeliveryLog } from "./delivery-log.js";
import type { Notice } from "./notification.js";

/** `repeat` means that the channel had accepted this notice before. */
export type DeliveryOutcome = "ok" | "repeat" | "failed";

/**
 * Returns a function that passes a notice to the channel, except if the channel has accepted it before. It rejects if
 * the channel does not accept the notice. Then call it again later. It delivers at least once: the channel may get a
 * notice again if the process dies, or Redis is down, after the channel's answer and before the record of it.
 */
export function createNotifier(options: {
  channel: Channel;
  log: DeliveryLog;
  now: () => Date;
  count: (channel: string, outcome: DeliveryOutcome) => void;
}): (notice: Notice) => Promise<void> {
  const { channel, log, now, count } = options;

  return async (notice) => {
    try {
      if (await log.has(channel.name, notice.id)) return count(channel.name, "repeat");
      const delivery = { ...notice, channel: channel.name, deliveryTime: now() };
      await channel.deliver(delivery);
      count(channel.name, await log.add(delivery));
    } catch (error) {
      count(channel.name, "failed");
      throw error;
    }
  };
}
