import { bareNotice, type Notice } from "../domain/notice.js";
import type { Missed } from "./channel-worker.js";

/** A channel's next failure is reported again only after this time. */
const INCIDENT_MS = 24 * 3_600_000;

/**
 * Reports to the other channels that a channel has given up a notice. If a channel delivers only a part of it, such as
 * to some recipients, all channels get the report. Undefined for such a notice itself: channels that fail must not
 * report each other for ever.
 */
export function failingNotice(
  channel: string,
  { id, kind }: Notice,
  { part, why }: Missed,
  { channels, now }: { readonly channels: readonly string[]; readonly now: Date },
): Notice | undefined {
  if (kind === "channel.failing" || kind === "channel.partial") return undefined;
  const all = part === "all";
  return bareNotice({
    id: `${all ? "given-up" : "partial"}:${channel}:${id}`,
    kind: all ? "channel.failing" : "channel.partial",
    severity: "warning",
    time: now,
    subject: { channel },
    facts: { why, notice: id },
    dedupKey: `channel/${channel}${all ? "" : "/partial"}`,
    endTime: new Date(now.getTime() + INCIDENT_MS),
    channels: all ? channels.filter((name) => name !== channel) : channels,
  });
}
