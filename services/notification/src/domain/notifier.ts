import type { Channel } from "./channel.js";
import type { DeliveryLog } from "./delivery-log.js";
import type { Notice } from "./notification.js";

export type Told = "ok" | "repeat" | "failed";

/** Thrown if a channel did not accept a notice. The other channels have accepted it. Pass the notice again later. */
export class UndeliveredError extends Error {
  readonly channels: readonly string[];

  constructor(channels: readonly string[], causes: readonly unknown[]) {
    super(`not delivered to ${channels.join(", ")}`, { cause: new AggregateError(causes) });
    this.channels = channels;
  }
}

export interface Notifier {
  /**
   * Passes the notice to each channel that has not accepted it yet, to all of them at the same time. So a channel that
   * is down does not delay the others. Resolves when all channels have accepted it. Delivers at least once per channel:
   * a channel may get the notice again if the process dies, or Redis is down, after the channel's answer and before the
   * record of it.
   */
  notify(notice: Notice): Promise<void>;
}

export function createNotifier(options: {
  channels: readonly Channel[];
  log: DeliveryLog;
  now: () => Date;
  count: (channel: string, told: Told) => void;
}): Notifier {
  const { channels, log, now, count } = options;

  const tell = async (channel: Channel, notice: Notice): Promise<void> => {
    if (await log.has(channel.name, notice.id)) return count(channel.name, "repeat");
    const delivery = { ...notice, channel: channel.name, deliveryTime: now() };
    await channel.deliver(delivery);
    count(channel.name, await log.add(delivery));
  };

  return {
    notify: async (notice) => {
      const ends = await Promise.allSettled(channels.map((channel) => tell(channel, notice)));
      const failed: string[] = [];
      const causes: unknown[] = [];
      for (const [at, end] of ends.entries()) {
        if (end.status === "fulfilled") continue;
        const name = channels[at]?.name ?? "";
        count(name, "failed");
        failed.push(name);
        causes.push(end.reason);
      }
      if (failed.length > 0) throw new UndeliveredError(failed, causes);
    },
  };
}
