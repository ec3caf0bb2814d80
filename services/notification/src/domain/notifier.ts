import type { Channel } from "./channel.js";
import type { DeliveryLog } from "./delivery-log.js";
import type { Notice } from "./notification.js";

/** `repeat`: the channel had this notice before. */
export type Told = "ok" | "repeat" | "failed";

/**
 * A function that gives a notice to the channel, unless the channel took it before. It rejects when the channel did not take
 * the notice: call it again later. At least once: the channel may get a notice again when the process dies, or Redis is away,
 * between the channel's answer and the record of it.
 */
export function createNotifier(options: {
  channel: Channel;
  log: DeliveryLog;
  now: () => Date;
  count: (channel: string, told: Told) => void;
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
