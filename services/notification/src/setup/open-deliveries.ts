import type { OpenChannel, WorkerOptions } from "../delivery/channel-worker.js";
import { type Delivering, deliverAll } from "../delivery/deliver-all.js";
import { failingNotice } from "../delivery/failing-notice.js";
import { createIntake, type Intake, type IntakeOptions } from "../routing/intake.js";
import { summaryOf } from "../text/render.js";
import type { ChannelConfig } from "./channels-file.js";

export interface DeliveriesOptions
  extends Pick<WorkerOptions, "store" | "now" | "inSpan" | "giveUpMs" | "count" | "log">,
    Pick<IntakeOptions, "rules"> {
  readonly channels: readonly OpenChannel[];
  readonly configured: readonly ChannelConfig[];
}

/** Opens the way of a notice: `intake` stores it for its channels, and their workers deliver it. */
export function openDeliveries(options: DeliveriesOptions): Delivering & { readonly intake: Intake } {
  const { channels, configured, rules, store, now, count } = options;
  const names = channels.map(({ name }) => name);
  let wake = (): void => undefined;
  const intake = createIntake({
    channels: channels.map(({ name, use, channel }) => {
      const quietHours = configured.find((each) => each.name === name)?.quietHours;
      return { name, records: use.records, hasIssues: channel.issues !== undefined, quietHours };
    }),
    ...{ rules, store, now },
    onRepeat: (channel) => count(channel, "repeat"),
    onAccepted: () => wake(),
  });
  const delivering = deliverAll(channels, {
    ...options,
    summary: summaryOf,
    onMissed: async (channel, notice, missed) => {
      const failing = failingNotice(channel, notice, missed, { channels: names, now: now() });
      if (failing !== undefined) await intake.accept(failing);
    },
  });
  ({ wake } = delivering);
  return { ...delivering, intake };
}
