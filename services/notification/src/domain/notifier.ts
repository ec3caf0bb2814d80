import type { Channel } from "./channel.js";
import type { DeliveryLog } from "./delivery-log.js";
import type { Notice } from "./notification.js";

export type Told = "ok" | "repeat" | "failed";

/** Thrown when a channel did not take a notice; the others were served. Give the notice again later. */
export class UndeliveredError extends Error {
  readonly channels: readonly string[];

  constructor(channels: readonly string[], causes: readonly unknown[]) {
    super(`not delivered to ${channels.join(", ")}`, { cause: new AggregateError(causes) });
    this.channels = channels;
  }
}

export interface Notifier {
  /**
   * Gives the notice to each channel that has not taken it yet, side by side: a channel that is down keeps nothing from
   * the others. Resolves when all have it. At least once per channel: a channel may get it again when the process dies, or
   * Redis is away, between its answer and the note of it.
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
